"""The import path of Loads: everything is in `vaurien.loads`."""
