"""``python -m faspmgr``"""

from faspmgr.cli import main

if __name__ == "__main__":
    main()
