// Steps and Jacobians of a MuJoCo model.
#include "mbrl/mujoco/engine/dynamics.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>

#include "mbrl/core/error.hpp"

namespace mbrl::mujoco {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Calls f(position, velocity, rotation) for every part of the state: address in qpos, address in qvel, and
// whether it is a quaternion (4 and 3 numbers) or a plain coordinate.
template <class F>
void for_each_coordinate(const mjModel& model, F&& f) {
  for (int joint = 0; joint < static_cast<int>(model.njnt); ++joint) {
    int q = model.jnt_qposadr[joint], v = model.jnt_dofadr[joint];
    const int type = model.jnt_type[joint];
    if (type == mjJNT_FREE)
      for (int i = 0; i < 3; ++i) f(q++, v++, false);
    f(q, v, type == mjJNT_FREE || type == mjJNT_BALL);
  }
}

// dq = E w: how a quaternion changes with a small rotation w in its own frame, q exp(w). E'E = 1/4.
Eigen::Matrix<double, 4, 3> rotation_to_quaternion(const Eigen::Vector4d& q) {
  Eigen::Matrix<double, 4, 3> e;
  e << -q(1), -q(2), -q(3),  //
      q(0), -q(3), q(2),     //
      q(3), q(0), -q(1),     //
      -q(2), q(1), q(0);
  return 0.5 * e;
}

// Whether the engine's own derivatives are those of its steps. It has none for RK4, and before 4.0 those of
// the implicit integrators are wrong where an actuator's gain depends on the velocity (by up to 8 %
// in 2.2.2).
bool has_derivatives(const mjModel& model) {
#if mjVERSION_HEADER >= 4000000
  return model.opt.integrator != mjINT_RK4;
#else
  return model.opt.integrator == mjINT_EULER;
#endif
}

bool out_of_limits(const mjModel& model, int actuator, double control) {
  return model.actuator_ctrllimited[actuator] != 0 && (control < model.actuator_ctrlrange[2 * actuator] ||
                                                       control > model.actuator_ctrlrange[2 * actuator + 1]);
}

}  // namespace

struct Dynamics::Workspace::Lane {
  explicit Lane(const Model& model)
      : simulation(model), start(static_cast<std::size_t>(simulation.state_size())) {
    simulation.save(start.data());
  }
  Simulation simulation;
  std::vector<double> start;  // a fresh simulation's state: time and warm start 0, mocap bodies in place
  RowMajor a, b;              // of one mj_step, in the tangent space
  Batchd tangent, product, lifted;  // of the control step: [d/dx d/du], its successor, its rows in components
  Vecd controls, change, minus, plus;
  std::array<Vecd, 2> base;
};

Dynamics::Workspace::Workspace() = default;
Dynamics::Workspace::~Workspace() = default;
Dynamics::Workspace::Workspace(Workspace&&) noexcept = default;
Dynamics::Workspace& Dynamics::Workspace::operator=(Workspace&&) noexcept = default;

Dynamics::Dynamics(Model model, int frame_skip, const DynamicsSettings& settings, ThreadPool* pool)
    : model_(std::move(model)),
      frame_skip_(frame_skip),
      nq_(static_cast<int>(model_->nq)),
      nv_(static_cast<int>(model_->nv)),
      na_(static_cast<int>(model_->na)),
      nu_(static_cast<int>(model_->nu)),
      settings_(settings),
      pool_(pool) {
  require(frame_skip >= 1, "mujoco::Dynamics: frame_skip is ", frame_skip, ", expected at least 1");
  require(std::isfinite(settings.step) && settings.step > 0, "mujoco::Dynamics: step is ", settings.step,
          ", expected more than 0");
}

// One stretch of columns a thread, each with its own lane.
template <class Work>
void Dynamics::share_out(Index columns, Workspace& workspace, const Work& work) const {
  const int chunks = pool_ ? static_cast<int>(std::min<Index>(pool_->size(), columns)) : 1;
  auto& lanes = workspace.lanes_;
  if (!lanes.empty() && &lanes.front()->simulation.model() != model_.get()) lanes.clear();
  while (static_cast<int>(lanes.size()) < chunks) lanes.push_back(std::make_unique<Lane>(model_));
  const auto run = [&](int chunk) {
    for (Index t = columns * chunk / chunks; t < columns * (chunk + 1) / chunks; ++t)
      work(t, *lanes[static_cast<std::size_t>(chunk)]);
  };
  if (chunks > 1)
    pool_->run(chunks, std::cref(run));
  else if (columns > 0)
    run(0);
}

void Dynamics::check(const char* where, const ConstBatchRef<double>& obs,
                     const ConstBatchRef<double>& action) const {
  require_dim(where, "obs", obs.rows(), obs_dim());
  require_dim(where, "action", action.rows(), action_dim());
  require_dim(where, "action's columns", action.cols(), obs.cols());
}

void Dynamics::step(ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> next_obs,
                    Workspace& workspace) const {
  constexpr const char* kWhere = "mujoco::Dynamics::step";
  check(kWhere, obs, action);
  require_dim(kWhere, "next_obs", next_obs.rows(), obs_dim());
  require_dim(kWhere, "next_obs' columns", next_obs.cols(), obs.cols());
  share_out(obs.cols(), workspace, [&](Index t, Lane& lane) {
    next_obs.col(t).setConstant(std::numeric_limits<double>::quiet_NaN());
    if (!obs.col(t).allFinite() || !action.col(t).allFinite()) return;
    load(lane, obs.col(t), action.col(t));
    if (!lane.simulation.advance(action.col(t), frame_skip_).empty()) return;
    const mjData& data = lane.simulation.data();
    double* out = next_obs.col(t).data();
    out = std::copy_n(data.qpos, nq_, out);
    out = std::copy_n(data.qvel, nv_, out);
    std::copy_n(data.act, na_, out);
  });
}

void Dynamics::linearize(ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> jacobian,
                         Workspace& workspace) const {
  constexpr const char* kWhere = "mujoco::Dynamics::linearize";
  check(kWhere, obs, action);
  const Index nz = obs_dim() + nu_;
  require_dim(kWhere, "jacobian", jacobian.rows(), obs_dim());
  require_dim(kWhere, "jacobian's columns", jacobian.cols(), obs.cols() * nz);
  share_out(obs.cols(), workspace, [&](Index t, Lane& lane) {
    linearize_one(lane, obs.col(t), action.col(t), jacobian.middleCols(t * nz, nz));
  });
}

void Dynamics::load(Lane& lane, ConstVecRef<double> x, ConstVecRef<double> u) const {
  std::copy_n(x.data(), x.size(), lane.start.data() + 1);
  lane.simulation.load(lane.start.data());
  std::copy_n(u.data(), nu_, lane.simulation.data().ctrl);
}

void Dynamics::linearize_one(Lane& lane, ConstVecRef<double> x, ConstVecRef<double> u,
                             BatchRef<double> jacobian) const {
  const Index nt = 2 * nv_ + na_, nx = x.size();
  lane.tangent.resize(nt, nt + nu_);
  lane.product.resize(nt, nt + nu_);
  const bool sound =
      x.allFinite() && u.allFinite() && (!has_derivatives(*model_) ? differences(lane, x, u) : [&] {
        load(lane, x, u);
        return chain(lane, u);
      }());
  if (!sound) {
    jacobian.setConstant(std::numeric_limits<double>::quiet_NaN());
    return;
  }
  if (nq_ == nv_) {
    jacobian = lane.tangent;
    return;
  }
  // Rows from rotations to quaternions of the state after the step, columns the other way before it.
  const mjData& data = lane.simulation.data();
  lane.lifted.resize(nx, nt + nu_);
  for_each_coordinate(*model_, [&](int q, int v, bool rotation) {
    if (rotation)
      lane.lifted.middleRows<4>(q).noalias() =
          rotation_to_quaternion(Eigen::Map<const Eigen::Vector4d>(data.qpos + q)) *
          lane.tangent.middleRows<3>(v);
    else
      lane.lifted.row(q) = lane.tangent.row(v);
  });
  lane.lifted.bottomRows(nv_ + na_) = lane.tangent.bottomRows(nv_ + na_);
  for_each_coordinate(*model_, [&](int q, int v, bool rotation) {
    if (rotation) {
      const Eigen::Vector4d quaternion = x.segment<4>(q);
      const double length = quaternion.norm();
      jacobian.middleCols<4>(q).noalias() =
          lane.lifted.middleCols<3>(v) *
          (4.0 / length * rotation_to_quaternion(quaternion / length).transpose());
    } else {
      jacobian.col(q) = lane.lifted.col(v);
    }
  });
  jacobian.rightCols(nv_ + na_ + nu_) = lane.lifted.rightCols(nv_ + na_ + nu_);
}

// From the state loaded: the product of the engine's Jacobians over the control step. Leaves the state after
// it.
bool Dynamics::chain(Lane& lane, ConstVecRef<double> u) const {
  const Index nt = 2 * nv_ + na_;
  mjData* data = &lane.simulation.data();
  lane.a.resize(nt, nt);
  lane.b.resize(nt, nu_);
  for (auto& warning : data->warning) warning.number = 0;
  // Clamped as the engine itself would: its derivatives are wrong, A included, where a control is out of its
  // limits (seen in 2.2.2).
  for (int i = 0; i < nu_; ++i)
    if (out_of_limits(*model_, i, u(i)))
      data->ctrl[i] = u(i) < model_->actuator_ctrlrange[2 * i] ? model_->actuator_ctrlrange[2 * i]
                                                               : model_->actuator_ctrlrange[2 * i + 1];
  lane.tangent.setZero();
  lane.tangent.leftCols(nt).setIdentity();
  const auto centered = static_cast<unsigned char>(settings_.centered);
  for (int k = 0; k < frame_skip_; ++k) {
    mjd_transitionFD(model_.get(), data, settings_.step, centered, lane.a.data(), lane.b.data(), nullptr,
                     nullptr);
    for (int i = 0; i < nu_; ++i)
      if (out_of_limits(*model_, i, u(i))) lane.b.col(i).setZero();
    mj_step(model_.get(), data);
    lane.product.noalias() = lane.a * lane.tangent;
    lane.product.rightCols(nu_) += lane.b;
    lane.tangent.swap(lane.product);
  }
  for (const auto& warning : data->warning)
    if (warning.number > 0) return false;
  return lane.tangent.allFinite();
}

// The same by differences of whole control steps. A control is moved within its limits only, beyond which the
// engine would clamp it.
bool Dynamics::differences(Lane& lane, ConstVecRef<double> x, ConstVecRef<double> u) const {
  const mjModel& model = *model_;
  mjData& data = lane.simulation.data();
  const Index nt = 2 * nv_ + na_;
  lane.minus.resize(x.size());
  lane.plus.resize(x.size());
  // Where the step ends from a state and control moved by h along direction j.
  const auto end_of = [&](Index j, double h, Vecd& out) {
    load(lane, x, u);
    lane.controls = u;
    if (j < nv_) {
      lane.change.setZero(nv_);
      lane.change(j) = 1.0;
      mj_integratePos(&model, data.qpos, lane.change.data(), h);
    } else if (j < 2 * nv_) {
      data.qvel[j - nv_] += h;
    } else if (j < nt) {
      data.act[j - 2 * nv_] += h;
    } else {
      lane.controls(j - nt) += h;
    }
    if (!lane.simulation.advance(lane.controls, frame_skip_).empty()) return false;
    std::copy_n(data.qpos, nq_, out.data());
    std::copy_n(data.qvel, nv_, out.data() + nq_);
    std::copy_n(data.act, na_, out.data() + nq_ + nv_);
    return true;
  };
  // One-sided differences need the end of the step from (x, u) itself: found once, when first needed. Its
  // last bits are others for positions, since mj_integratePos goes over quaternions even where h is 0.
  std::array<bool, 2> has_base{};
  const auto moved = [&](Index j, double h, Vecd& out) {
    if (h != 0.0) return end_of(j, h, out);
    const std::size_t kind = j < nv_ ? 0 : 1;
    if (!has_base[kind]) {
      lane.base[kind].resize(x.size());
      if (!end_of(j, 0.0, lane.base[kind])) return false;
      has_base[kind] = true;
    }
    out = lane.base[kind];
    return true;
  };
  for (Index j = 0; j < nt + nu_; ++j) {
    double up = settings_.step, down = settings_.centered ? settings_.step : 0.0;
    if (j >= nt && model.actuator_ctrllimited[j - nt] != 0) {
      const double low = model.actuator_ctrlrange[2 * (j - nt)],
                   high = model.actuator_ctrlrange[2 * (j - nt) + 1];
      if (u(j - nt) + up > high) {
        up = 0.0;
        down = settings_.step;
      }
      if (u(j - nt) - down < low) down = 0.0;
      if (out_of_limits(model, static_cast<int>(j - nt), u(j - nt))) up = down = 0.0;
    }
    if (up + down == 0.0) {
      lane.tangent.col(j).setZero();
      continue;
    }
    if (!moved(j, up, lane.plus) || !moved(j, -down, lane.minus)) return false;
    mj_differentiatePos(&model, lane.tangent.col(j).data(), up + down, lane.minus.data(), lane.plus.data());
    lane.tangent.col(j).tail(nv_ + na_) =
        (lane.plus.tail(nv_ + na_) - lane.minus.tail(nv_ + na_)) / (up + down);
  }
  return end_of(0, 0.0, lane.plus) && lane.tangent.allFinite();  // leaves the state after the step
}

}  // namespace mbrl::mujoco
