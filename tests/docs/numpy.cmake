# cmake -DSNIPPETS=... -DWRITER=... -DPOLICY_WRITER=... -DPYTHON=... -DROOT=... -DSCRATCH=... -P numpy.cmake: the Python of docs/files.md
# and docs/export.md, as it stands there, predicts and acts as the library does.
file(MAKE_DIRECTORY ${SCRATCH})
execute_process(COMMAND ${SNIPPETS} block ${ROOT} docs/files.md python forward OUTPUT_VARIABLE code
  COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${WRITER} ${SCRATCH}/state.safetensors OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
file(WRITE ${SCRATCH}/check.py "${code}" [[

import sys
arrays = load(sys.argv[1])
for i in range(3):
    case = lambda name: arrays[name + str(i)].astype(np.float64)
    mean, variance, next_obs = predict(arrays, f"model{i}.", 1, case("obs"), case("action"))
    for name, ours in (("mean", mean), ("variance", variance), ("next_obs", next_obs)):
        error = np.max(np.abs(ours - case(name)) / (1 + np.abs(case(name))))
        print(f"{name} of model {i}: largest relative error {error:.1e}")
        assert error < 1e-5, (name, i)
]])
execute_process(COMMAND ${PYTHON} ${SCRATCH}/check.py ${SCRATCH}/state.safetensors COMMAND_ERROR_IS_FATAL ANY)

execute_process(COMMAND ${SNIPPETS} block ${ROOT} docs/export.md python act OUTPUT_VARIABLE act COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${POLICY_WRITER} ${SCRATCH}/policy.safetensors OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
file(WRITE ${SCRATCH}/check_policy.py "${code}" "${act}" [[

import sys
arrays = load(sys.argv[1])
for case in ("silu", "relu", "tanh", "elu", "choices"):
    own = {name[len(case) + 1:]: x for name, x in arrays.items() if name.startswith(case + ".")}
    activation = "relu" if case == "choices" else case
    error = np.max(np.abs(act(own, arrays["obs"].astype(np.float64), activation) - own["expected"]))
    print(f"policy with {case}: largest error {error:.1e}")
    assert error < 1e-6, case
]])
execute_process(COMMAND ${PYTHON} ${SCRATCH}/check_policy.py ${SCRATCH}/policy.safetensors COMMAND_ERROR_IS_FATAL ANY)
