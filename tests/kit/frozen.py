"""Import me last: what is imported by now is never looked at for garbage again, so that forked processes share it."""

import gc

gc.collect()
gc.freeze()
