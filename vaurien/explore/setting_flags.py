"""The flags that change a setting of exploring, for pytest as for ``vaurien explore``."""

from __future__ import annotations

from typing import NamedTuple


class SettingFlag(NamedTuple):
    """A flag that is called like its setting, behind ``--`` or ``--vaurien-explore-``."""

    setting: str
    placeholder: str
    help: str


SETTING_FLAGS = (
    SettingFlag('report', 'DIR', 'write a page, explore.json, and files for CI to this folder'),
    SettingFlag(
        'fail', 'OUTCOME,...', 'fail for new findings of these kinds, as in wrong,twice,hung (default: all findings)'
    ),
    SettingFlag(
        'baseline', 'FILE', 'accept the findings in this file, each with a reason; a report has one to begin with'
    ),
    SettingFlag('max', 'N', 'try up to so many faults'),
    SettingFlag('seconds', 'DURATION', 'explore for up to so long'),
    SettingFlag(
        'limit',
        'DURATION',
        'end a run that takes so long, which is then hung (default: long after a clean run has ended)',
    ),
    SettingFlag('depth', 'N', 'try up to so many faults together: 1 or 2 (default 1)'),
)
