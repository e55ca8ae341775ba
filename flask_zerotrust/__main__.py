"""``python -m flask_zerotrust``: the commands without an app."""

from flask_zerotrust.cli import group

if __name__ == "__main__":
    group(prog_name="python -m flask_zerotrust")
