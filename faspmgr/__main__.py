"""``python -m faspmgr``"""

from faspmgr.cli.main import main

if __name__ == "__main__":
    main()
