# %% tags=["parameters"]
megabytes = 5  # in one output

# %%
print("x" * (megabytes * 1_000_000))

# %%
for line in range(5_000):
    print(line)
