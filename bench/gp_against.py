"""Sets Gaussian processes beside other libraries, in turns with them in one run: 1,000 points, five inputs, four outputs.
  evidence  of one output with gradient: scikit-learn, GPyTorch and GPy
  rollout   25 steps of a policy of 50 basis functions by moment matching, expected cost and its gradient by the policy's
            parameters: PyTorch in double precision, by automatic differentiation, pairs of outputs in batches
What is not installed is left out: pip install torch scikit-learn gpytorch GPy. Build bench/ (scripts/bench gp/against), then
  python bench/gp_against.py [--program build/release/bench/mbrl_bench] [--threads 1,2] [--turns 5] [--only evidence]
The results must agree within 1e-6 of their size, or the script fails. Times are the best of all turns: the process's own
on one thread, which does not count what others took on the same machine; on more threads, those of the clock on the wall.
"""
import argparse
import functools
import importlib.util
import json
import math
import subprocess
import sys
import time

import numpy as np

POINTS, INPUTS, OUTPUTS, CENTRES, HORIZON = 1000, 5, 4, 50, 25


# ---- The same data as in gp_against_bench.cpp; rows are points.
def wave(count, phase):
    k = np.arange(count, dtype=float)
    return np.sin(1.7 * k + 0.37 * k * k + phase)


X = 2.0 * wave(INPUTS * POINTS, 0.0).reshape(POINTS, INPUTS)
SIGNAL, NOISE = 0.2, 0.02


def targets(output):
    return 0.2 * np.sin(X[:, output] + 0.5 * output) * np.cos(X[:, output + 1]) + 0.02 * wave(POINTS, output)


def lengthscales(output):
    return 1.5 + 0.2 * (np.arange(INPUTS) + output)


# ---- Evidence. Each makes a function of no arguments that returns the value and the gradient by the logarithms of
# lengthscales, signal and noise (standard deviations).
def scikit_learn():
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
    kernel = ConstantKernel(SIGNAL**2) * RBF(lengthscales(0)) + WhiteKernel(NOISE**2)
    gp = GaussianProcessRegressor(kernel, alpha=0.0, optimizer=None).fit(X, targets(0))
    theta = gp.kernel_.theta

    def evidence():
        value, g = gp.log_marginal_likelihood(theta, eval_gradient=True)
        return value, np.concatenate([g[1:-1], [2.0 * g[0], 2.0 * g[-1]]])
    return evidence


def gpytorch():
    import gpytorch
    import torch
    x, y = torch.tensor(X), torch.tensor(targets(0))

    class Exact(gpytorch.models.ExactGP):
        def __init__(self, likelihood):
            super().__init__(x, y, likelihood)
            self.mean_module = gpytorch.means.ZeroMean()
            self.covar_module = gpytorch.kernels.ScaleKernel(gpytorch.kernels.RBFKernel(ard_num_dims=INPUTS))

        def forward(self, at):
            return gpytorch.distributions.MultivariateNormal(self.mean_module(at), self.covar_module(at))

    likelihood = gpytorch.likelihoods.GaussianLikelihood()
    model = Exact(likelihood).double()
    likelihood.noise = NOISE**2
    model.covar_module.outputscale = SIGNAL**2
    model.covar_module.base_kernel.lengthscale = torch.tensor(lengthscales(0))
    objective = gpytorch.mlls.ExactMarginalLogLikelihood(likelihood, model)
    raw = [model.covar_module.base_kernel.raw_lengthscale, model.covar_module.raw_outputscale,
           likelihood.noise_covar.raw_noise]
    # Their raw parameters are before a softplus: by the logarithm, times value / softplus'.
    values = [model.covar_module.base_kernel.lengthscale, model.covar_module.outputscale, likelihood.noise]
    low = [0.0, 0.0, likelihood.noise_covar.raw_noise_constraint.lower_bound.item()]
    chain = [(v / -torch.expm1(-(v - b))).detach().numpy().ravel() for v, b in zip(values, low)]
    model.train()

    def evidence():
        for r in raw:
            r.grad = None
        # Exactly, by one factorisation, which is the fastest here; a mean over points by convention.
        with gpytorch.settings.fast_computations(log_prob=False, covar_root_decomposition=False, solves=False):
            value = objective(model(x), y) * POINTS
            value.backward()
        g = [r.grad.numpy().ravel() * c for r, c in zip(raw, chain)]
        return value.item(), np.concatenate([g[0], 2.0 * g[1], 2.0 * g[2]])
    return evidence


def gpy():
    import GPy
    kernel = GPy.kern.RBF(INPUTS, variance=SIGNAL**2, lengthscale=lengthscales(0), ARD=True)
    # It adds 1e-8 to the diagonal.
    model = GPy.models.GPRegression(X, targets(0)[:, None], kernel, noise_var=NOISE**2 - 1e-8)

    def evidence():
        model.parameters_changed()
        k = model.kern
        g = [k.lengthscale.gradient * k.lengthscale, 2.0 * k.variance.gradient * k.variance,
             2.0 * model.likelihood.variance.gradient * NOISE**2]
        return model.log_likelihood(), np.concatenate([np.asarray(v, dtype=float).ravel() for v in g])
    return evidence


# ---- Roll-out (Deisenroth and Rasmussen, ICML 2011, section 2.2).
def kernel_moments(torch, sums, m, s):
    """Mean (E), covariance (E x E) and gain (D x E, cov[x, f] = S gain) of kernel sums at N(m, S); all pairs in a batch."""
    x, weights, length2, signal2, inverse = sums
    outputs, dims = length2.shape
    eye = torch.eye(dims, dtype=m.dtype)
    nu = x - m
    w = 1.0 / length2
    inner = torch.linalg.inv(s + torch.diag_embed(length2))  # E x D x D
    turned = nu @ inner                                      # E x n x D
    top = signal2 / torch.linalg.det(s * w[:, None, :] + eye).sqrt()
    p = weights * top[:, None] * torch.exp(-0.5 * (turned * nu).sum(2))
    mean = p.sum(1)
    gain = torch.bmm(turned.transpose(1, 2), p[:, :, None])[:, :, 0].T

    a, b = torch.triu_indices(outputs, outputs)
    r = s * (w[a] + w[b])[:, None, :] + eye
    turn = torch.linalg.solve(r, s.expand(len(a), dims, dims))
    turn = 0.5 * (turn + turn.transpose(1, 2))
    za, zb = nu * w[a][:, None, :], nu * w[b][:, None, :]
    za_turned = za @ turn
    row = 0.5 * (za_turned * za - nu * za).sum(2) + (torch.log(signal2[a] * signal2[b]) - 0.5 * torch.logdet(r))[:, None]
    column = 0.5 * ((zb @ turn) * zb - nu * zb).sum(2)
    one = torch.ones_like(row)[:, :, None]
    # The exponent as one product; its memory becomes that of the exponentials.
    q = torch.bmm(torch.cat([za_turned, row[:, :, None], one], 2),
                  torch.cat([zb, one, column[:, :, None]], 2).transpose(1, 2)).exp_()
    upper = (weights[a] * torch.bmm(q, weights[b][:, :, None])[:, :, 0]).sum(1) - mean[a] * mean[b]
    if inverse is not None:
        own = torch.nonzero(a == b)[:, 0]
        upper = upper.index_add(0, own, signal2 - torch.stack([(inverse[e] * q[i]).sum() for e, i in enumerate(own)]))
    covariance = torch.zeros(outputs, outputs, dtype=m.dtype).index_put((a, b), upper)
    return mean, covariance + torch.triu(covariance, 1).T, gain


def pytorch():
    import torch
    double = functools.partial(torch.tensor, dtype=torch.float64)
    x = double(X)
    length2 = double(np.stack([lengthscales(e)**2 for e in range(OUTPUTS)]))
    signal2 = torch.full((OUTPUTS,), SIGNAL**2, dtype=torch.float64)
    y = double(np.stack([targets(e) for e in range(OUTPUTS)]))
    scaled = x / length2.sqrt()[:, None, :]
    k = SIGNAL**2 * torch.exp(-0.5 * torch.cdist(scaled, scaled, compute_mode="donot_use_mm_for_euclid_dist")**2)
    factor = torch.linalg.cholesky(k + NOISE**2 * torch.eye(POINTS, dtype=torch.float64))
    inverse = torch.cholesky_inverse(factor)
    beta = torch.cholesky_solve(y[:, :, None], factor)[:, :, 0]
    dynamics = x, beta, length2, signal2, inverse
    centres = double(wave(OUTPUTS * CENTRES, 3.0).reshape(CENTRES, OUTPUTS)).requires_grad_()
    told = double(wave(CENTRES, 4.0)).requires_grad_()
    log_length = torch.zeros(OUTPUTS, dtype=torch.float64, requires_grad=True)
    parameters = [centres, told, log_length]
    eye, one = torch.eye(OUTPUTS, dtype=torch.float64), torch.ones(1, dtype=torch.float64)

    def policy_sums():
        z = centres * torch.exp(-log_length)
        k = torch.exp(-0.5 * (z[:, None, :] - z[None, :, :]).square().sum(2))
        weights = torch.linalg.solve(k + 1e-4 * torch.eye(CENTRES, dtype=torch.float64), told)
        return centres, weights[None], torch.exp(2.0 * log_length)[None], one, None

    def step(policy, m, s):
        f, v, inner_gain = kernel_moments(torch, policy, m, s)
        v = v[0, 0]
        # sin of a Gaussian
        u = torch.exp(-0.5 * v) * torch.sin(f)
        u_variance = 0.5 * torch.exp(-v) * (torch.expm1(v) - torch.expm1(-v) * torch.cos(2.0 * f))
        a = inner_gain * torch.exp(-0.5 * v) * torch.cos(f)  # 4 x 1
        cross = s @ a
        joint = torch.cat([torch.cat([s, cross], 1), torch.cat([cross.T, u_variance[None]], 1)])
        mean, covariance, gain = kernel_moments(torch, dynamics, torch.cat([m, u]), joint)
        moved = s @ torch.cat([eye, a], 1) @ gain
        return m + mean, s + covariance + moved + moved.T

    def rollout():
        for p in parameters:
            p.grad = None
        policy = policy_sums()
        m, s = torch.zeros(OUTPUTS, dtype=torch.float64), 0.01 * eye
        total = 0.0
        for _ in range(HORIZON):
            m, s = step(policy, m, s)
            spread = s + eye
            away = m - 0.5
            total = total + 1.0 - torch.exp(-0.5 * away @ torch.linalg.solve(spread, away) - 0.5 * torch.logdet(spread))
        total.backward()
        return total.item(), np.concatenate([p.grad.numpy().ravel() for p in parameters])
    return rollout


WORK = {
    "evidence": {"scikit-learn": ("sklearn", scikit_learn), "GPyTorch": ("gpytorch", gpytorch), "GPy": ("GPy", gpy)},
    "rollout": {"PyTorch": ("torch", pytorch)},
}


# ---- Turns.
def ours(program, work, threads):
    out = subprocess.run([program, f"--benchmark_filter=^gp/against/{work}/.*threads:{threads}(/|$)", "--benchmark_format=json"],
                         check=True, stdout=subprocess.PIPE).stdout
    (entry,) = json.loads(out)["benchmarks"]
    return entry


def agree(name, value, gradient, entry):
    for what, got, expected in (("value", value, entry["value"]),
                                ("norm of the gradient", np.linalg.norm(gradient), entry["gradient_norm"]),
                                ("gradient along a direction", gradient @ wave(len(gradient), 5.0), entry["gradient_along"])):
        size = max(abs(expected), entry["gradient_norm"] if "gradient" in what else 0.0)
        if not abs(got - expected) < 1e-6 * size:
            sys.exit(f"{name}: the {what} is {got}, ours {expected}")


def limit_threads(threads):
    if importlib.util.find_spec("torch"):
        import torch
        torch.set_num_threads(threads)
    if importlib.util.find_spec("threadpoolctl"):
        import threadpoolctl
        threadpoolctl.threadpool_limits(threads)


def compare(program, work, threads, turns):
    others = {name: make for name, (module, make) in WORK[work].items() if importlib.util.find_spec(module)}
    for name in WORK[work].keys() - others.keys():
        print(f"{work}: {name} is not installed")
    limit_threads(threads)
    calls = {name: make() for name, make in others.items()}
    limit_threads(threads)  # of what was imported meanwhile, too
    best = {}
    for turn in range(turns):
        entry = ours(program, work, threads)
        times = {"ours": (entry["processor_ms"], entry["wall_ms"])}
        for name, call in calls.items():
            if turn == 0:
                call()
            for _ in range(5 if work == "evidence" else 1):
                wall, own = time.perf_counter(), time.process_time()
                value, gradient = call()
                new = 1e3 * (time.process_time() - own), 1e3 * (time.perf_counter() - wall)
                times[name] = tuple(map(min, new, times.get(name, (math.inf, math.inf))))
            agree(name, value, gradient, entry)
        best = {name: tuple(map(min, t, best.get(name, t))) for name, t in times.items()}
    clock = 0 if threads == 1 else 1
    for name, t in best.items():
        ratio = "" if name == "ours" else f"  {t[clock] / best['ours'][clock]:6.1f} times ours"
        print(f"{work:9} {threads} thread{'s' * (threads > 1)}  {name:13} processor {t[0]:9.1f} ms  wall {t[1]:9.1f} ms{ratio}",
              flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/release/bench/mbrl_bench")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--only", choices=WORK)
    arguments = parser.parse_args()
    for work in [arguments.only] if arguments.only else WORK:
        for threads in map(int, arguments.threads.split(",")):
            compare(arguments.program, work, threads, arguments.turns)


if __name__ == "__main__":
    main()
