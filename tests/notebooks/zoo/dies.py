# %% tags=["parameters"]
status = 3  # of the process; 9 is a kill, as for memory

# %%
import os
import signal

if status == 9:
    os.kill(os.getpid(), signal.SIGKILL)
os._exit(status)
