# frozen_string_literal: true

# The reader of the vendor's Ruby client: ruby aspera_cli.rb PATH texts|typed FILE
#
# PATH is a copy of its sources; FILE is a stream. Prints the number of messages and the seconds for all of them, without
# the start of Ruby. It does what the client does with a management connection: each line to process_line. With "typed"
# each message also becomes one with names and values of its own, by event_native_to_snake.
library, form, file = ARGV
$LOAD_PATH.unshift(File.join(library, 'lib'))
require 'aspera/assert'
require 'aspera/colors' # a part of names: String#capital_to_snake
require 'aspera/ascp/management'

reader = Aspera::Ascp::Management.new
count = 0
start = Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID)
File.open(file, 'r:UTF-8') do |stream|
  while (line = stream.gets)
    message = reader.process_line(line.chomp)
    next unless message

    count += 1
    Aspera::Ascp::Management.event_native_to_snake(message) if form == 'typed'
  end
end
puts count, Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID) - start
