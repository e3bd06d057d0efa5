"""Three updates of Stable-Baselines3's SAC from weights, batches and noise that sac_reference_test.cpp makes too; prints
that test's constants. pip install stable-baselines3 (2.9.2, torch 2.14.1 made them).

Two things are the library's own and set here: soft bounds of the log-variance, and no 1e-6 inside log(1 - tanh^2).
"""
import gymnasium as gym
import numpy as np
import torch as th
import torch.nn.functional as F
from stable_baselines3 import SAC
from stable_baselines3.common.type_aliases import ReplayBufferSamples

OBS, ACTION, HIDDEN, BATCH, UPDATES, SEED = 3, 2, [16, 16], 8, 3, 1
STREAM_UPDATE = 13
M32, M64 = (1 << 32) - 1, (1 << 64) - 1


def key(seed, stream):  # RandomStream's
    z = (seed + 0x9E3779B97F4A7C15 * (stream + 1)) & M64
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & M64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & M64
    z ^= z >> 31
    return z & M32, z >> 32


def philox(c, k):  # Philox4x32-10
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = ((p1 >> 32) ^ c[1] ^ k[0], p1 & M32, (p0 >> 32) ^ c[3] ^ k[1], p0 & M32)
        k = ((k[0] + 0x9E3779B9) & M32, (k[1] + 0xBB67AE85) & M32)
    return c


def noise(step):  # of a policy with two actions, [BATCH, 2]
    out = np.zeros((BATCH, ACTION))
    for j in range(BATCH):
        w = philox((j, 0, step, 0), key(SEED, STREAM_UPDATE))
        radius = np.sqrt(-2 * np.log(((w[0] >> 1) + 0.5) * 2.0**-31))
        angle = (w[1] - (1 << 32) if w[1] >> 31 else w[1]) * 2.0**-32 * 2 * np.pi
        out[j] = radius * np.cos(angle), radius * np.sin(angle)
    return th.tensor(out, dtype=th.float32)


def wave(count, phase):  # entries of every array here and in the test
    k = np.arange(count)
    return np.sin(1.7 * k + 0.37 * k * k + phase)


def set_layers(layers, phase):  # linear layers; arrays in [in][out]
    for l, layer in enumerate(layers):
        i, o = layer.in_features, layer.out_features
        weight = (wave(i * o, phase + l) * (1.8 / np.sqrt(i))).reshape(i, o).T.copy()
        layer.weight.data = th.tensor(weight, dtype=th.float32)
        layer.bias.data = th.tensor(0.1 * wave(o, phase + l + 0.5), dtype=th.float32)


class Task(gym.Env):
    observation_space = gym.spaces.Box(-np.inf, np.inf, (OBS,))
    action_space = gym.spaces.Box(-1, 1, (ACTION,))


model = SAC("MlpPolicy", Task(), learning_rate=3e-3, gamma=0.97, tau=0.02, ent_coef="auto_0.2", device="cpu",
            policy_kwargs=dict(net_arch=HIDDEN))
actor = model.policy.actor
linear = lambda net: [m for m in net if isinstance(m, th.nn.Linear)]
for layer in (actor.mu, actor.log_std):  # one last layer of 2 ACTION outputs there
    assert layer.in_features == HIDDEN[-1]
set_layers(linear(actor.latent_pi), 0.0)
whole = th.nn.Linear(HIDDEN[-1], 2 * ACTION)
set_layers([whole], 2.0)
for at, layer in enumerate((actor.mu, actor.log_std)):
    layer.weight.data = whole.weight.data[at * ACTION:(at + 1) * ACTION].clone()
    layer.bias.data = whole.bias.data[at * ACTION:(at + 1) * ACTION].clone()
for i in range(2):
    set_layers(linear(model.critic.q_networks[i]), 10.0 * (i + 1))
model.critic_target.load_state_dict(model.critic.state_dict())


def parameters(obs):
    hidden = actor.latent_pi(obs)
    raw = actor.log_std(hidden)
    capped = 4 - F.softplus(4 - raw)
    return actor.mu(hidden), 0.5 * (-10 + F.softplus(capped + 10)), {}


actor.get_action_dist_params = parameters
actor.action_dist.epsilon = 0.0
queue = []  # the noise of the next samples


def action_log_prob(obs):
    mean, log_std, _ = parameters(obs)
    u = mean + log_std.exp() * queue.pop(0)
    density = -0.5 * ((u - mean) / log_std.exp())**2 - log_std - 0.5 * np.log(2 * np.pi)
    return th.tanh(u), (density - 2 * (np.log(2) - u - F.softplus(-2 * u))).sum(1)


actor.action_log_prob = action_log_prob


def batch(update):
    f = lambda n, d, phase: th.tensor(wave(n * d, phase + update).reshape(n, d), dtype=th.float32)
    done = th.tensor([[1.0 if j % 4 == 3 else 0.0] for j in range(BATCH)])
    return ReplayBufferSamples(f(BATCH, OBS, 100.0), f(BATCH, ACTION, 200.0) * 0.9, f(BATCH, OBS, 300.0), done,
                               f(BATCH, 1, 400.0) * 2)


class Replay:
    def sample(self, *_, **__):
        return batch(self.update)


model.replay_buffer = Replay()
model._logger = __import__("stable_baselines3.common.logger", fromlist=["x"]).configure(None, [])
probe_obs = th.tensor(wave(4 * OBS, 500.0).reshape(4, OBS), dtype=th.float32)
probe_action = th.tensor(wave(4 * ACTION, 600.0).reshape(4, ACTION) * 0.9, dtype=th.float32)


numbers = []


def show(tensor):
    numbers.extend(tensor.detach().double().reshape(-1).tolist())


def probe():  # policy: 4 x 4 outputs; critics and targets: 4 values each; temperature
    hidden = actor.latent_pi(probe_obs)
    show(th.cat([actor.mu(hidden), actor.log_std(hidden)], 1))
    for critics in (model.critic, model.critic_target):
        for q in critics(probe_obs, probe_action):
            show(q)
    show(model.log_ent_coef.exp())


for update in range(UPDATES):
    model.replay_buffer.update = update
    queue[:] = [noise(2 * update + 1), noise(2 * update)]  # the policy's sample comes first there
    model.train(1, BATCH)
    assert not queue
    numbers.clear()
    probe()
    print("    {" + ", ".join(f"{x:.7f}f" for x in numbers) + "},")
