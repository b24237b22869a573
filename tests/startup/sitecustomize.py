"""What Python runs first in processes that tests start from nothing, with this folder and the project's on its path."""

from tests.disks import do_not_wait_for_disks

do_not_wait_for_disks()
