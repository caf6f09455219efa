/* The fast path of the tokenizer once more, in C: messages of learnt layouts into events or frames.

What may stand here
    Only what the layouts (layouts.py) say. There is no grammar in this file: it does not know what a header, a type or
    a field is. A layout is a row of literal texts with a value between each two of them, and says what becomes of the
    values. Whatever does not match byte by byte is left alone, and the grammar in Python reads it. Beside that: the
    count of the lines in the data of a WRITE, which nobody reads.
What it must do
    Give what the twin in Python gives (tokenizer.StreamReader._match_messages), object for object, or stop in front of
    the message. Neither read nor write beyond the buffer, whatever is in it. Lose no reference, also after an error.
    A function that is called from here may do anything, also to the reader: then the results may be of no use, and
    nothing worse. The same holds for wrong arguments, and for attributes that were set to anything.
How fast
    A byte is looked at once or twice for each layout that begins as the message does. No frame, no tuple of texts, no
    call of a constructor: values go right into the slots of a new object. A value that is the same text as the one
    before it in its field (session, size, a count that stands still) is the same object again.
Worst case
    As many layouts as there may be (layouts.MAX_LAYOUTS), all of them alike up to the last field: each is matched up to
    there. Nothing is made before all of a message has matched.

Objects that are made here are those of the classes themselves: a slot is written at the offset that its member
descriptor tells, which the stable ABI does not have. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>
#include <structmember.h>

#if defined(PYPY_VERSION) || defined(GRAALVM_PYTHON)
#error "the layout of objects is that of CPython; the twin in Python does the work" /* and pip goes on without this file */
#endif

#define MAX_FIELDS 128   /* as layouts.MAX_NAMES; layout_new refuses more */
#define LATEST_BYTES 48  /* a longer value is not remembered; a UUID has 36 */
#define MAX_DIGITS 19    /* they always fit into 64 bits */
#define ESC 0x1b

/* Where there is no GIL, one thread at a time may be in a reader; another one may enter while a function is called. */
#ifndef Py_BEGIN_CRITICAL_SECTION
#define Py_BEGIN_CRITICAL_SECTION(object) {
#define Py_END_CRITICAL_SECTION() }
#endif

/* Which texts a field may have here, and what becomes of them. The numbers are those of layouts.Kind. */
enum kind {
    TEXT,    /* any: str */
    PATH,    /* any without ESC: str */
    INTEGER, /* digits without a leading zero, as many as always fit into 64 bits: int */
    WORD,    /* one of a few: what stands for it */
    CALL,    /* any that a function accepts: what it returns. It raises ValueError for others */
};

typedef struct {
    enum kind kind;
    Py_ssize_t slot;       /* where the value goes in the object; 0 for its text into the dict */
    PyObject *name;        /* key in the dict */
    PyObject *argument;    /* WORD: a tuple of pairs, text as bytes and value; CALL: the function; else None */
    PyObject *behind;      /* bytes between this value and the next one, or up to the end of the message */
    PyObject *latest;      /* the value before, NULL for none or for one that is not to be used twice */
    Py_ssize_t latest_size;
    char latest_text[LATEST_BYTES];
} Field;

typedef struct {
    Py_ssize_t slot;
    PyObject *value;
} Constant;

typedef struct {
    PyTypeObject *cls;     /* of the objects */
    PyObject *head;        /* bytes in front of the first value */
    Py_ssize_t lines;      /* of a message */
    Py_ssize_t dict_slot;  /* gets a dict, with the fields that have no slot */
    Py_ssize_t place_slot; /* gets byte and line of the message; 0 for none */
    PyObject *dict;        /* the dict with None for each of its texts; NULL where it is empty */
    Py_ssize_t follower;   /* index of the layout that came behind this one the last time */
    Py_ssize_t constant_count;
    Constant *constants;   /* slots that are the same in each object */
    Py_ssize_t field_count;
    Field fields[];
} Layout;

/* Where the values of a message stand, once it has matched. */
typedef struct {
    const char *text;
    Py_ssize_t size;
    int same; /* as Field.latest */
    unsigned long long number; /* INTEGER: the value; WORD: its index */
} Value;

/* Sum of a place in the stream and a size. Where somebody has set a place that is too large, it wraps around. */
static long long
plus(long long place, long long size)
{
    return (long long)((unsigned long long)place + (unsigned long long)size);
}

/* -- matching: nothing is made, no reference changes */

static const char *
match_integer(const char *at, const char *end, Value *value)
{
    unsigned long long number = 0;
    const char *start = at;
    while (at < end && *at >= '0' && *at <= '9') {
        if (at - start == MAX_DIGITS) {
            return NULL;
        }
        number = number * 10 + (unsigned long long)(*at++ - '0');
    }
    if (at == start || (*start == '0' && at - start > 1)) {
        return NULL;
    }
    value->number = number;
    return at;
}

static int
word_index(const Field *field, const char *text, Py_ssize_t size)
{
    for (Py_ssize_t index = 0; index < PyTuple_GET_SIZE(field->argument); index++) {
        PyObject *word = PyTuple_GET_ITEM(PyTuple_GET_ITEM(field->argument, index), 0);
        if (PyBytes_GET_SIZE(word) == size && memcmp(PyBytes_AS_STRING(word), text, (size_t)size) == 0) {
            return (int)index;
        }
    }
    return -1;
}

/* Match the value that begins at `at`; give its end, where a LF stands, or NULL. */
static const char *
match_value(const Field *field, const char *at, const char *end, Value *value)
{
    value->text = at;
    if (field->latest != NULL && end - at > field->latest_size && at[field->latest_size] == '\n' &&
        memcmp(at, field->latest_text, (size_t)field->latest_size) == 0) {
        value->same = 1;
        value->size = field->latest_size;
        return at + field->latest_size;
    }
    value->same = 0;
    const char *stop = field->kind == INTEGER ? match_integer(at, end, value)
                                              : memchr(at, '\n', (size_t)(end - at));
    if (stop == NULL) {
        return NULL;
    }
    value->size = stop - at;
    if (field->kind == PATH && memchr(at, ESC, (size_t)value->size) != NULL) {
        return NULL;
    }
    if (field->kind == WORD) {
        int index = word_index(field, at, value->size);
        if (index < 0) {
            return NULL;
        }
        value->number = (unsigned long long)index;
    }
    return stop;
}

static int
starts_with(const char *at, const char *end, PyObject *literal)
{
    Py_ssize_t size = PyBytes_GET_SIZE(literal);
    return end - at >= size && memcmp(at, PyBytes_AS_STRING(literal), (size_t)size) == 0;
}

/* Match the message that begins at `at`; give where it ends, or NULL. */
static const char *
match(const Layout *layout, const char *at, const char *end, Value *values)
{
    if (!starts_with(at, end, layout->head)) {
        return NULL;
    }
    at += PyBytes_GET_SIZE(layout->head);
    for (Py_ssize_t index = 0; index < layout->field_count; index++) {
        const Field *field = &layout->fields[index];
        at = match_value(field, at, end, &values[index]);
        if (at == NULL || !starts_with(at, end, field->behind)) {
            return NULL;
        }
        at += PyBytes_GET_SIZE(field->behind);
    }
    return at;
}

/* -- making */

static PyObject *
make_text(const Value *value)
{
    unsigned char bits = 0;
    for (Py_ssize_t at = 0; at < value->size; at++) {
        bits |= (unsigned char)value->text[at];
    }
    if (bits >= 0x80 || value->size < 2) { /* of short texts there is one object each */
        return PyUnicode_DecodeUTF8(value->text, value->size, "surrogateescape");
    }
    PyObject *text = PyUnicode_New(value->size, 0x7f);
    if (text != NULL) {
        memcpy(PyUnicode_1BYTE_DATA(text), value->text, (size_t)value->size);
    }
    return text;
}

static PyObject *
make_place(long long offset, long long line)
{
    PyObject *byte = PyLong_FromLongLong(offset), *number = PyLong_FromLongLong(line);
    PyObject *place = byte == NULL || number == NULL ? NULL : PyTuple_Pack(2, byte, number);
    Py_XDECREF(byte);
    Py_XDECREF(number);
    return place;
}

static PyObject *
make_value(const Field *field, const Value *value)
{
    if (field->slot && field->kind == INTEGER) {
        return PyLong_FromUnsignedLongLong(value->number);
    }
    if (field->slot && field->kind == WORD) {
        return Py_NewRef(PyTuple_GET_ITEM(PyTuple_GET_ITEM(field->argument, (Py_ssize_t)value->number), 1));
    }
    PyObject *text = make_text(value);
    if (text == NULL || field->kind != CALL) {
        return text;
    }
    PyObject *made = PyObject_CallOneArg(field->argument, text);
    if (made != NULL && !field->slot) { /* it was only asked whether the text is a value */
        Py_SETREF(made, Py_NewRef(text));
    }
    Py_DECREF(text);
    return made;
}

static PyObject *
take_value(Field *field, const Value *value)
{
    if (value->same) {
        return Py_NewRef(field->latest);
    }
    PyObject *made = make_value(field, value);
    /* What a function returns may be changed by whoever gets it. */
    if (made != NULL && value->size <= LATEST_BYTES && field->kind != CALL) {
        memcpy(field->latest_text, value->text, (size_t)value->size);
        field->latest_size = value->size;
        Py_XSETREF(field->latest, Py_NewRef(made));
    }
    return made;
}

static void
set_slot(PyObject *object, Py_ssize_t slot, PyObject *value)
{
    *(PyObject **)((char *)object + slot) = value; /* the object is new, its slots are NULL */
}

/* Make the object of a message that has matched. NULL with an exception: ValueError where a function refuses a text. */
static PyObject *
make(Layout *layout, const Value *values, long long offset, long long line)
{
    PyObject *object = layout->cls->tp_alloc(layout->cls, 0);
    if (object == NULL) {
        return NULL;
    }
    for (Py_ssize_t index = 0; index < layout->constant_count; index++) {
        set_slot(object, layout->constants[index].slot, Py_NewRef(layout->constants[index].value));
    }
    PyObject *dict = layout->dict == NULL ? PyDict_New() : PyDict_Copy(layout->dict);
    if (dict == NULL) {
        goto error;
    }
    set_slot(object, layout->dict_slot, dict);
    for (Py_ssize_t index = 0; index < layout->field_count; index++) {
        Field *field = &layout->fields[index];
        PyObject *value = take_value(field, &values[index]);
        if (value == NULL) {
            goto error;
        }
        if (field->slot) {
            set_slot(object, field->slot, value);
            continue;
        }
        int failed = PyDict_SetItem(dict, field->name, value);
        Py_DECREF(value);
        if (failed) {
            goto error;
        }
    }
    if (layout->place_slot) {
        PyObject *place = make_place(offset, line);
        if (place == NULL) {
            goto error;
        }
        set_slot(object, layout->place_slot, place);
    }
    PyObject_GC_UnTrack(object); /* texts, numbers and a dict of texts do not refer back to it */
    return object;
error:
    Py_DECREF(object);
    return NULL;
}

/* -- layouts */

/* Where a slot of a class is, by its member descriptor; -1 with an exception. */
static Py_ssize_t
slot_of(PyTypeObject *cls, PyObject *descriptor)
{
    if (Py_IS_TYPE(descriptor, &PyMemberDescr_Type)) {
        PyMemberDef *member = ((PyMemberDescrObject *)descriptor)->d_member;
        if (member->type == T_OBJECT_EX && PyType_IsSubtype(cls, PyDescr_TYPE(descriptor))) {
            return member->offset;
        }
    }
    PyErr_Format(PyExc_TypeError, "not a slot of %s: %R", cls->tp_name, descriptor);
    return -1;
}

static int
set_constants(Layout *layout, PyObject *constants)
{
    layout->constants = PyMem_Calloc((size_t)PyTuple_GET_SIZE(constants) + 1, sizeof(Constant));
    if (layout->constants == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t index = 0; index < PyTuple_GET_SIZE(constants); index++) {
        PyObject *pair = PyTuple_GET_ITEM(constants, index);
        if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2) {
            PyErr_SetString(PyExc_TypeError, "constants must be pairs of a slot and a value");
            return -1;
        }
        Py_ssize_t slot = slot_of(layout->cls, PyTuple_GET_ITEM(pair, 0));
        if (slot < 0) {
            return -1;
        }
        layout->constants[index] = (Constant){slot, Py_NewRef(PyTuple_GET_ITEM(pair, 1))};
        layout->constant_count++;
    }
    return 0;
}

/* Words are a tuple of pairs, bytes and value. */
static int
check_words(PyObject *words)
{
    int right = PyTuple_Check(words);
    for (Py_ssize_t index = 0; right && index < PyTuple_GET_SIZE(words); index++) {
        PyObject *pair = PyTuple_GET_ITEM(words, index);
        right = PyTuple_Check(pair) && PyTuple_GET_SIZE(pair) == 2 && PyBytes_Check(PyTuple_GET_ITEM(pair, 0));
    }
    if (!right) {
        PyErr_SetString(PyExc_TypeError, "words must be pairs of bytes and a value");
    }
    return right ? 0 : -1;
}

static int
set_field(Layout *layout, Field *field, PyObject *given)
{
    int kind;
    PyObject *name, *descriptor, *argument, *behind;
    if (!PyTuple_Check(given)) {
        PyErr_SetString(PyExc_TypeError, "a field must be a tuple");
        return -1;
    }
    if (!PyArg_ParseTuple(given, "iUOOS", &kind, &name, &descriptor, &argument, &behind)) {
        return -1;
    }
    if (kind < TEXT || kind > CALL) {
        PyErr_Format(PyExc_ValueError, "unknown kind: %d", kind);
        return -1;
    }
    if (kind == WORD && check_words(argument) < 0) {
        return -1;
    }
    field->kind = (enum kind)kind;
    field->name = Py_NewRef(name);
    field->argument = Py_NewRef(argument);
    field->behind = Py_NewRef(behind);
    if (descriptor != Py_None) {
        field->slot = slot_of(layout->cls, descriptor);
        return field->slot < 0 ? -1 : 0;
    }
    if (layout->dict == NULL && (layout->dict = PyDict_New()) == NULL) {
        return -1;
    }
    return PyDict_SetItem(layout->dict, name, Py_None);
}

static void
layout_free(Layout *layout)
{
    for (Py_ssize_t index = 0; index < layout->field_count; index++) {
        Field *field = &layout->fields[index];
        Py_XDECREF(field->name);
        Py_XDECREF(field->argument);
        Py_XDECREF(field->behind);
        Py_XDECREF(field->latest);
    }
    for (Py_ssize_t index = 0; index < layout->constant_count; index++) {
        Py_DECREF(layout->constants[index].value);
    }
    PyMem_Free(layout->constants);
    Py_XDECREF(layout->dict);
    Py_XDECREF(layout->head);
    Py_XDECREF(layout->cls);
    PyMem_Free(layout);
}

static Layout *
layout_new(PyObject *args)
{
    PyObject *cls, *head, *dict, *place, *constants, *fields;
    Py_ssize_t lines;
    if (!PyArg_ParseTuple(args, "O!SnOOO!O!", &PyType_Type, &cls, &head, &lines, &dict, &place, &PyTuple_Type,
                          &constants, &PyTuple_Type, &fields)) {
        return NULL;
    }
    Py_ssize_t count = PyTuple_GET_SIZE(fields);
    if (count > MAX_FIELDS) {
        PyErr_Format(PyExc_ValueError, "more than %d fields", MAX_FIELDS);
        return NULL;
    }
    if (PyBytes_GET_SIZE(head) == 0) { /* each message has bytes, or reading never ends */
        PyErr_SetString(PyExc_ValueError, "no head");
        return NULL;
    }
    /* Its objects are made without its constructor: object.__new__ would have done nothing else either. */
    if (((PyTypeObject *)cls)->tp_new != PyBaseObject_Type.tp_new || !PyType_IS_GC((PyTypeObject *)cls)) {
        PyErr_Format(PyExc_TypeError, "not a plain class with slots: %R", cls);
        return NULL;
    }
    Layout *layout = PyMem_Calloc(1, sizeof(Layout) + (size_t)count * sizeof(Field));
    if (layout == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    layout->cls = (PyTypeObject *)Py_NewRef(cls);
    layout->head = Py_NewRef(head);
    layout->lines = lines;
    layout->field_count = count;
    layout->dict_slot = slot_of(layout->cls, dict);
    layout->place_slot = place == Py_None ? 0 : slot_of(layout->cls, place);
    if (layout->dict_slot < 0 || layout->place_slot < 0 || set_constants(layout, constants) < 0) {
        goto error;
    }
    for (Py_ssize_t index = 0; index < count; index++) {
        if (set_field(layout, &layout->fields[index], PyTuple_GET_ITEM(fields, index)) < 0) {
            goto error;
        }
    }
    return layout;
error:
    layout_free(layout);
    return NULL;
}

/* -- reading */

/* What was fed and not yet read: the base class of StreamReader. The names of its attributes are those of the twin. */
typedef struct {
    PyObject_HEAD
    /* Objects, as the other ways of reading are in Python, and look at them for each line. */
    PyObject *buffer;       /* a bytearray */
    PyObject *offset;       /* of buffer[0] in the stream: byte, from 0 */
    PyObject *line;         /* and line, from 1 */
    PyObject *end_searched; /* byte of the stream before which no unread LF LF starts */
    PyObject *longest;      /* bytes that a message may have, its empty line not counted */
    PyObject *ready;        /* True: nothing is open, and nothing is in the buffer that could not wait for a LF LF */
    PyObject *passed;       /* True: messages went by that the grammar was not told of */
    Py_ssize_t layout_count;
    Layout **layouts;
    Py_ssize_t guess;       /* index of the layout that is tried first */
    char busy;              /* it is being read: a function that is called must not feed it */
} Unread;

/* Find the layout of the message at `at`; give where the message ends, NULL for no layout. */
static const char *
find_layout(Unread *self, const char *at, const char *end, Value *values)
{
    Py_ssize_t index = self->guess;
    for (Py_ssize_t tried = 0; tried < self->layout_count; tried++, index++) {
        if (index >= self->layout_count) {
            index = 0;
        }
        const char *behind = match(self->layouts[index], at, end, values);
        if (behind != NULL) {
            self->guess = index;
            return behind;
        }
    }
    return NULL;
}

/* What read_text needs of the attributes, as numbers of C. */
typedef struct {
    long long offset;
    long long line;
    long long longest;
} Place;

/* Give 0, -1 with an exception: an attribute may have been deleted, or set to anything. */
static int
get_number(PyObject *attribute, long long *number)
{
    if (attribute == NULL) {
        PyErr_SetString(PyExc_AttributeError, "an attribute of the reader was deleted");
        return -1;
    }
    Py_INCREF(attribute); /* its __index__ may set another one */
    *number = PyLong_AsLongLong(attribute);
    Py_DECREF(attribute);
    return *number == -1 && PyErr_Occurred() ? -1 : 0;
}

static int
set_number(PyObject **attribute, long long number)
{
    PyObject *value = PyLong_FromLongLong(number);
    if (value == NULL) {
        return -1;
    }
    Py_XSETREF(*attribute, value);
    return 0;
}

static int
get_place(Unread *self, Place *place)
{
    return get_number(self->offset, &place->offset) < 0 || get_number(self->line, &place->line) < 0 ||
           get_number(self->longest, &place->longest) < 0 ? -1 : 0;
}

/* Take note that reading has come to `place`. */
static int
passed(Unread *self, const Place *place)
{
    Py_XSETREF(self->passed, Py_NewRef(Py_True));
    return set_number(&self->line, place->line);
}

/* Read as many messages as follow one another in text[:size], which stands at `place`. Give how many bytes they have, and
   the place behind them; -1 with an exception. */
static Py_ssize_t
read_text(Unread *self, const char *text, Py_ssize_t size, Place *place, int has_cr, PyObject *results)
{
    Value values[MAX_FIELDS];
    const char *at = text, *behind;
    long long line = place->line;
    Layout *before = NULL;
    while ((behind = find_layout(self, at, text + size, values)) != NULL && behind - at - 1 <= place->longest) {
        if (has_cr && memchr(at, '\r', (size_t)(behind - at)) != NULL) {
            break; /* a CR may be a part of a line end: that is for the grammar to say */
        }
        Layout *layout = self->layouts[self->guess];
        if (before != NULL) {
            before->follower = self->guess;
        }
        before = layout;
        PyObject *object = make(layout, values, plus(place->offset, at - text), line);
        if (object == NULL) {
            if (!PyErr_ExceptionMatches(PyExc_ValueError)) {
                return -1;
            }
            PyErr_Clear();
            break;
        }
        int failed = PyList_Append(results, object);
        Py_DECREF(object);
        if (failed) {
            return -1;
        }
        self->guess = layout->follower;
        line = plus(line, layout->lines);
        at = behind;
    }
    place->offset = plus(place->offset, at - text);
    place->line = line;
    return at - text;
}

/* Begin to read: give the buffer, a new reference, as another one may be set meanwhile. What is in it is only looked at
   through a Py_buffer where functions are called: while that is held, the bytearray keeps its size and its place. */
static PyObject *
begin(Unread *self)
{
    if (self->busy) {
        PyErr_SetString(PyExc_BufferError, "the reader is being read");
        return NULL;
    }
    if (self->buffer == NULL || !PyByteArray_Check(self->buffer)) {
        PyErr_SetString(PyExc_TypeError, "_buffer must be a bytearray");
        return NULL;
    }
    self->busy = 1;
    return Py_NewRef(self->buffer);
}

static void
end(Unread *self, PyObject *buffer)
{
    self->busy = 0;
    Py_DECREF(buffer);
}

PyDoc_STRVAR(learn_doc,
"_learn(cls, head, lines, dict, place, constants, fields, /)\n--\n\n"
"Read the messages of one more layout.\n\n"
"Args:\n"
"    cls: class of the objects, with slots; slots are given by their member descriptors.\n"
"    head: bytes in front of the first value.\n"
"    lines: how many lines a message has.\n"
"    dict: slot that gets a new dict, with the texts of the fields that have no slot.\n"
"    place: slot that gets byte and line of the message; None for none.\n"
"    constants: pairs of a slot and the value that it always gets.\n"
"    fields: for each value its kind, its name, its slot or None, its words or function or None, and the bytes behind.");

static PyObject *
unread_learn(Unread *self, PyObject *args)
{
    Layout *layout = layout_new(args); /* first: it may call what learns another one */
    if (layout == NULL) {
        return NULL;
    }
    Layout **layouts;
    Py_BEGIN_CRITICAL_SECTION(self);
    layouts = PyMem_Realloc(self->layouts, (size_t)(self->layout_count + 1) * sizeof(Layout *));
    if (layouts != NULL) {
        self->layouts = layouts;
        self->layouts[self->layout_count++] = layout;
    }
    Py_END_CRITICAL_SECTION();
    if (layouts == NULL) {
        layout_free(layout);
        return PyErr_NoMemory();
    }
    Py_RETURN_NONE;
}

/* Read buffer[start:], which stands at `place`. Give how many bytes were read, -1 with an exception. */
static Py_ssize_t
read_from(Unread *self, PyObject *buffer, Py_ssize_t start, Place *place, int has_cr, PyObject *results)
{
    Py_buffer view;
    if (PyObject_GetBuffer(buffer, &view, PyBUF_WRITABLE) < 0) {
        return -1;
    }
    Py_ssize_t size = -1;
    if (start < 0 || start > view.len) {
        PyErr_SetString(PyExc_ValueError, "not a part of the buffer");
    }
    else {
        size = read_text(self, (const char *)view.buf + start, view.len - start, place, has_cr, results);
    }
    PyBuffer_Release(&view);
    return size;
}

PyDoc_STRVAR(read_doc,
"_read_clean(start, has_cr, results, /)\n--\n\n"
"Read as many messages of learnt layouts from buffer[start:] as follow one another; give where it stopped.\n\n"
"Args:\n"
"    start: index in the buffer.\n"
"    has_cr: whether there is a CR in buffer[start:]. A message that holds one is left alone.\n"
"    results: a list that the results are appended to.");

static PyObject *
unread_read_clean(Unread *self, PyObject *const *args, Py_ssize_t count)
{
    if (count != 3 || !PyList_Check(args[2])) {
        PyErr_SetString(PyExc_TypeError, "start, has_cr and a list are needed");
        return NULL;
    }
    Py_ssize_t start = PyLong_AsSsize_t(args[0]);
    if (start == -1 && PyErr_Occurred()) {
        return NULL;
    }
    int has_cr = PyObject_IsTrue(args[1]);
    if (has_cr < 0) {
        return NULL;
    }
    Py_ssize_t size = -1;
    Py_BEGIN_CRITICAL_SECTION(self);
    Place place;
    PyObject *buffer = begin(self);
    if (buffer != NULL) {
        if (get_place(self, &place) == 0) {
            place.offset = plus(place.offset, start);
            size = read_from(self, buffer, start, &place, has_cr, args[2]);
        }
        if (size > 0 && passed(self, &place) < 0) {
            size = -1;
        }
        end(self, buffer);
    }
    Py_END_CRITICAL_SECTION();
    return size < 0 ? NULL : PyLong_FromSsize_t(start + size);
}

/* Find the first LF LF in text[:size]; give the index behind it, 0 for none. */
static Py_ssize_t
find_end(const char *text, Py_ssize_t size)
{
    const char *at = text, *end = text + size;
    while (at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL && ++at < end) {
        if (*at == '\n') {
            return at + 1 - text;
        }
    }
    return 0;
}

static int
append(PyObject *buffer, const char *text, Py_ssize_t size)
{
    int failed;
    Py_BEGIN_CRITICAL_SECTION(buffer);
    Py_ssize_t before = PyByteArray_GET_SIZE(buffer);
    failed = size > 0 && PyByteArray_Resize(buffer, before + size) < 0;
    if (!failed) {
        memcpy(PyByteArray_AS_STRING(buffer) + before, text, (size_t)size);
    }
    Py_END_CRITICAL_SECTION();
    return failed ? -1 : 0;
}

static int
drop_front(PyObject *buffer, Py_ssize_t size)
{
    int failed = 0;
    Py_BEGIN_CRITICAL_SECTION(buffer);
    Py_ssize_t rest = PyByteArray_GET_SIZE(buffer) - size;
    if (rest < 0) { /* a function that was called has changed it */
        PyErr_SetString(PyExc_BufferError, "the buffer has less than was read");
        failed = 1;
    }
    else if (size > 0) {
        memmove(PyByteArray_AS_STRING(buffer), PyByteArray_AS_STRING(buffer) + size, (size_t)rest);
        failed = PyByteArray_Resize(buffer, rest) < 0;
    }
    Py_END_CRITICAL_SECTION();
    return failed ? -1 : 0;
}

/* Give 1 where nothing is left that could be read now, else 0; -1 with an exception: then all counts as unread. While the
   reader is ready, there is no LF LF in the buffer, and no CR. */
static int
append_and_read(Unread *self, PyObject *buffer, PyObject *data, PyObject *results)
{
    const char *text = PyBytes_AS_STRING(data);
    Py_ssize_t size = PyBytes_GET_SIZE(data), before;
    int half_end, left;
    Place place;
    if (self->ready != Py_True) {
        return append(buffer, text, size);
    }
    if (get_place(self, &place) < 0) {
        return -1;
    }
    int has_cr = memchr(text, '\r', (size_t)size) != NULL;
    Py_BEGIN_CRITICAL_SECTION(buffer);
    before = PyByteArray_GET_SIZE(buffer);
    half_end = before > 0 && PyByteArray_AS_STRING(buffer)[before - 1] == '\n';
    Py_END_CRITICAL_SECTION();

    /* The message that the buffer begins with, up to its end in the new bytes. */
    Py_ssize_t cut = 0, joined = 0, stop = 0; /* bytes: of its end, read in the buffer, and read behind it */
    if (before > 0 && size > 0) {
        cut = *text == '\n' && half_end ? 1 : find_end(text, size);
        if (append(buffer, text, cut) < 0) {
            return -1;
        }
        if (cut > 0) {
            joined = read_from(self, buffer, 0, &place, has_cr, results);
        }
        text += cut;
        size -= cut;
    }
    /* What is behind it is read where it is, without a copy. */
    int is_clean = joined == before + cut;
    if (is_clean) {
        stop = read_text(self, text, size, &place, has_cr, results);
    }
    if (joined < 0 || stop < 0) {
        append(buffer, text, size);
        Py_XSETREF(self->ready, Py_NewRef(Py_False)); /* there may be LF LF in the buffer now */
        return -1;
    }
    if (drop_front(buffer, joined) < 0 || append(buffer, text + stop, size - stop) < 0 ||
        (joined + stop > 0 && (set_number(&self->offset, place.offset) < 0 || passed(self, &place) < 0))) {
        return -1;
    }

    /* As in StreamReader._read, where there is no LF LF. */
    Py_BEGIN_CRITICAL_SECTION(buffer);
    const char *rest = PyByteArray_AS_STRING(buffer);
    size = PyByteArray_GET_SIZE(buffer);
    left = size > place.longest || (size > 0 && *rest == '\n') ||
           (has_cr && memchr(rest, '\r', (size_t)size) != NULL) || (is_clean ? find_end(rest, size) : cut) > 0;
    Py_END_CRITICAL_SECTION();
    if (left) {
        return 0;
    }
    return set_number(&self->end_searched, plus(place.offset, size - 1)) < 0 ? -1 : 1;
}

PyDoc_STRVAR(append_doc,
"_append(data, results, /)\n--\n\n"
"Add bytes to what is not read yet, and read at once what is clean.\n\n"
"Returns:\n"
"    True where nothing is left that could be read now.");

static PyObject *
unread_append(Unread *self, PyObject *const *args, Py_ssize_t count)
{
    if (count != 2 || !PyBytes_Check(args[0]) || !PyList_Check(args[1])) {
        PyErr_SetString(PyExc_TypeError, "bytes and a list are needed");
        return NULL;
    }
    int waits = -1;
    Py_BEGIN_CRITICAL_SECTION(self);
    PyObject *buffer = begin(self);
    if (buffer != NULL) {
        waits = append_and_read(self, buffer, args[0], args[1]);
        end(self, buffer);
    }
    Py_END_CRITICAL_SECTION();
    return waits < 0 ? NULL : PyBool_FromLong(waits);
}

static PyObject *
unread_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    /* object.__new__ and not tp_alloc: only that one prepares the attributes of a subclass for quick access, in 3.11. */
    PyObject *nothing = PyTuple_New(0);
    Unread *self = nothing == NULL ? NULL : (Unread *)PyBaseObject_Type.tp_new(type, nothing, NULL);
    Py_XDECREF(nothing);
    if (self == NULL) {
        return NULL;
    }
    self->buffer = PyByteArray_FromStringAndSize(NULL, 0);
    self->ready = Py_NewRef(Py_True);
    self->passed = Py_NewRef(Py_False);
    if (self->buffer == NULL || set_number(&self->offset, 0) < 0 || set_number(&self->line, 1) < 0 ||
        set_number(&self->end_searched, 0) < 0 || set_number(&self->longest, 0) < 0) {
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

static void
unread_dealloc(Unread *self)
{
    PyTypeObject *type = Py_TYPE(self);
    for (Py_ssize_t index = 0; index < self->layout_count; index++) {
        layout_free(self->layouts[index]);
    }
    PyMem_Free(self->layouts);
    PyObject *attributes[] = {self->buffer, self->offset, self->line, self->end_searched, self->longest, self->ready,
                              self->passed};
    for (size_t index = 0; index < Py_ARRAY_LENGTH(attributes); index++) {
        Py_XDECREF(attributes[index]);
    }
    type->tp_free(self);
    Py_DECREF(type);
}

#define METHOD(function) ((PyCFunction)(void (*)(void))(function))

static PyMethodDef unread_methods[] = {
    {"_append", METHOD(unread_append), METH_FASTCALL, append_doc},
    {"_learn", METHOD(unread_learn), METH_VARARGS, learn_doc},
    {"_read_clean", METHOD(unread_read_clean), METH_FASTCALL, read_doc},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef unread_members[] = {
    {"_buffer", T_OBJECT_EX, offsetof(Unread, buffer), 0, NULL},
    {"_offset", T_OBJECT_EX, offsetof(Unread, offset), 0, NULL},
    {"_line", T_OBJECT_EX, offsetof(Unread, line), 0, NULL},
    {"_end_searched", T_OBJECT_EX, offsetof(Unread, end_searched), 0, NULL},
    {"_max", T_OBJECT_EX, offsetof(Unread, longest), 0, NULL},
    {"_ready", T_OBJECT_EX, offsetof(Unread, ready), 0, NULL},
    {"_passed", T_OBJECT_EX, offsetof(Unread, passed), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot unread_slots[] = {
    {Py_tp_doc, "What was fed and not yet read: the base class of StreamReader."},
    {Py_tp_new, unread_new},
    {Py_tp_dealloc, unread_dealloc},
    {Py_tp_methods, unread_methods},
    {Py_tp_members, unread_members},
    {0, NULL},
};

static PyType_Spec unread_spec = {
    .name = "faspmgr.protocol._speedups.Unread",
    .basicsize = sizeof(Unread),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = unread_slots,
};

/* -- the module */

PyDoc_STRVAR(count_doc, "count_lines(data, start, end)\n--\n\nCount the LFs in data[start:end].");

static PyObject *
module_count_lines(PyObject *Py_UNUSED(module), PyObject *args)
{
    Py_buffer data;
    Py_ssize_t at, end, count = 0;
    if (!PyArg_ParseTuple(args, "y*nn:count_lines", &data, &at, &end)) {
        return NULL;
    }
    const unsigned char *bytes = data.buf;
    at = at < 0 ? 0 : at;
    end = end > data.len ? data.len : end < 0 ? 0 : end;
    /* Eight bytes at a time: of a byte that is LF, and of no other, the highest bit remains, and they are summed up. */
    const uint64_t all = 0x0101010101010101u, low = 0x7f * all;
    for (; end - at >= 8; at += 8) {
        uint64_t eight;
        memcpy(&eight, bytes + at, 8);
        eight ^= '\n' * all;
        eight = ~(((eight & low) + low) | eight | low);
        count += (Py_ssize_t)(((eight >> 7) * all) >> 56);
    }
    for (; at < end; at++) {
        count += bytes[at] == '\n';
    }
    PyBuffer_Release(&data);
    return PyLong_FromSsize_t(count);
}

static PyMethodDef module_methods[] = {
    {"count_lines", module_count_lines, METH_VARARGS, count_doc},
    {NULL, NULL, 0, NULL},
};

static int
module_exec(PyObject *module)
{
    PyObject *type = PyType_FromModuleAndSpec(module, &unread_spec, NULL);
    int failed = type == NULL ? -1 : PyModule_AddType(module, (PyTypeObject *)type);
    Py_XDECREF(type);
    return failed;
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
#ifdef Py_mod_multiple_interpreters
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_speedups",
    .m_doc = "The fast path of the tokenizer in C; see the top of _speedups.c.",
    .m_size = 0,
    .m_methods = module_methods,
    .m_slots = module_slots,
};

PyMODINIT_FUNC
PyInit__speedups(void)
{
    return PyModuleDef_Init(&module_definition);
}
