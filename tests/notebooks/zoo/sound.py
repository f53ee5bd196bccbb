# %% [markdown]
# # Nothing is wrong with this one

# %% tags=["parameters"]
size = "small"  # one of small, large: nothing depends on it
seed = 0  # a whole number
rate = 0.5  # a number
loud = False  # true or false
out = "outputs/runs/sound"  # folder

# %%
import os
import sys
from pathlib import Path

print(sys.executable, os.getcwd(), os.environ["AVVP_HOME"])
print(repr((size, seed, rate, loud)))
Path(out, "figure.png").write_bytes(b"")
