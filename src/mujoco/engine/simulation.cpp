// mj_step with its silent resets made visible.
#include "mbrl/mujoco/engine/simulation.hpp"

#include <algorithm>
#include <cmath>

#include "mbrl/core/error.hpp"

namespace mbrl::mujoco {
namespace {

// By name: the enumeration's values differ between releases.
const char* warning_name(int warning) {
  switch (warning) {
    case mjWARN_INERTIA:
      return "the inertia matrix is singular (INERTIA)";
    case mjWARN_CONTACTFULL:
      return "too many contacts (CONTACTFULL)";
    case mjWARN_CNSTRFULL:
      return "too many constraints (CNSTRFULL)";
    case mjWARN_BADQPOS:
      return "a position is NaN or huge (BADQPOS)";
    case mjWARN_BADQVEL:
      return "a velocity is NaN or huge (BADQVEL)";
    case mjWARN_BADQACC:
      return "an acceleration is NaN or huge (BADQACC)";
    case mjWARN_BADCTRL:
      return "a control is NaN or huge (BADCTRL)";
    default:
      return "a warning of another kind";
  }
}

// The engine's own criterion, which it applies only when the next step begins.
bool any_bad(const mjtNum* values, int count) {
  for (int i = 0; i < count; ++i)
    if (!(std::abs(values[i]) <= mjMAXVAL)) return true;
  return false;
}

}  // namespace

Simulation::Simulation(Model model, Derived derived) : model_(std::move(model)), derived_(derived) {
  prepare_engine();
  data_.reset(mj_makeData(model_.get()));
  require(data_ != nullptr, "MuJoCo: no memory for another simulation");
  before_.resize(static_cast<std::size_t>(state_size()));
}

void Simulation::start(ConstVecRef<double> qpos, ConstVecRef<double> qvel, ConstVecRef<double> places) {
  require_dim("Simulation::start", "qpos", qpos.size(), nq());
  require_dim("Simulation::start", "qvel", qvel.size(), nv());
  require_dim("Simulation::start", "places", places.size(), places_size());
  mj_resetData(model_.get(), data_.get());
  std::copy_n(qpos.data(), nq(), data_->qpos);
  std::copy_n(qvel.data(), nv(), data_->qvel);
  std::copy_n(places.data(), places_size(), data_->mocap_pos);
  mj_forward(model_.get(), data_.get());
}

std::string Simulation::advance(ConstVecRef<double> controls, int steps) {
  require_dim("Simulation::advance", "controls", controls.size(), nu());
  save(before_.data());
  for (auto& warning : data_->warning) warning.number = 0;
  std::copy_n(controls.data(), nu(), data_->ctrl);
  const mjModel* model = model_.get();
  mjData* data = data_.get();
  if (derived_ == Derived::kLagging || model->opt.integrator == mjINT_RK4) {
    for (int i = 0; i < steps; ++i) mj_step(model, data);
  } else {
    mj_step2(model, data);  // the first half was done at the end of the last control step
    for (int i = 1; i < steps; ++i) mj_step(model, data);
  }
  if (derived_ == Derived::kInSync) mj_step1(model, data);
  std::string cause = breakdown();
  if (!cause.empty()) [[unlikely]] {
    mj_resetData(model_.get(), data_.get());
    load(before_.data());
  }
  return cause;
}

std::string Simulation::settle(int steps) {
  std::string cause = advance(Vecd::Zero(nu()), steps);
  data_->time = 0;
  return cause;
}

std::string Simulation::breakdown() const {
  for (int i = 0; i < mjNWARNING; ++i)
    if (data_->warning[i].number > 0) return std::string("MuJoCo: ") + warning_name(i);
  if (any_bad(data_->qpos, nq())) return std::string("MuJoCo: ") + warning_name(mjWARN_BADQPOS);
  if (any_bad(data_->qvel, nv())) return std::string("MuJoCo: ") + warning_name(mjWARN_BADQVEL);
  return {};
}

void Simulation::save(double* out) const {
  *out++ = data_->time;
  out = std::copy_n(data_->qpos, nq(), out);
  out = std::copy_n(data_->qvel, nv(), out);
  out = std::copy_n(data_->act, static_cast<int>(model_->na), out);
  out = std::copy_n(data_->qacc_warmstart, nv(), out);
  std::copy_n(data_->mocap_pos, places_size(), out);
}

void Simulation::load(const double* in) {
  data_->time = *in++;
  std::copy_n(in, nq(), data_->qpos);
  in += nq();
  std::copy_n(in, nv(), data_->qvel);
  in += nv();
  std::copy_n(in, static_cast<int>(model_->na), data_->act);
  in += static_cast<int>(model_->na);
  std::copy_n(in, nv(), data_->qacc_warmstart);
  in += nv();
  std::copy_n(in, places_size(), data_->mocap_pos);
  if (derived_ == Derived::kInSync) {  // mj_step1 without its checks, which would reset a broken state
    mj_fwdPosition(model_.get(), data_.get());
    mj_sensorPos(model_.get(), data_.get());
    mj_fwdVelocity(model_.get(), data_.get());
    mj_sensorVel(model_.get(), data_.get());
  }
}

}  // namespace mbrl::mujoco
