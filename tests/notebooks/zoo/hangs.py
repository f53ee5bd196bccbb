# %% tags=["parameters"]
seconds = 600  # longer than anybody waits

# %%
import time

time.sleep(seconds)
