// mbrl envs: what can be learned.
#include <iostream>
#include <sstream>

#include "commands.hpp"
#include "contact_sheet.hpp"
#include "pets_session.hpp"

namespace mbrl::cli {
namespace {

std::string bounds(const EnvSpec& spec) {
  std::ostringstream out;
  const bool same = (spec.action_low.array() == spec.action_low(0)).all() &&
                    (spec.action_high.array() == spec.action_high(0)).all();
  if (same) {
    out << '[' << spec.action_low(0) << ", " << spec.action_high(0) << ']';
  } else {
    for (Index i = 0; i < spec.action_low.size(); ++i)
      out << (i ? " x " : "") << '[' << spec.action_low(i) << ", " << spec.action_high(i) << ']';
  }
  return out.str();
}

void print_environments() {
  const EnvRegistry registry = all_environments();
  constexpr const char* kFormat = "%-25s %4s %7s  %-11s %6s %6s  %-8s %s\n";
  std::printf(kFormat, "name", "obs", "actions", "bounds", "steps", "dt", "reward", "source");
  for (const std::string& name : registry.names()) {
    const EnvSpec& spec = registry.spec(name);
    std::ostringstream dt;
    dt << spec.dt;
    std::printf(kFormat, name.c_str(), std::to_string(spec.obs_dim).c_str(),
                std::to_string(spec.action_dim()).c_str(), bounds(spec).c_str(),
                std::to_string(spec.max_steps).c_str(), dt.str().c_str(), spec.reward ? "given" : "learned",
                spec.source.c_str());
  }
}

}  // namespace

void add_envs(CLI::App& app) {
  auto* command =
      app.add_subcommand("envs",
                         "List the environments: dimensions, bounds, episode length, source\n\n"
                         "  mbrl envs --contact-sheet environments.png      a picture of each, in one file");
  auto sheet = std::make_shared<std::string>();
  command->add_option("--contact-sheet", *sheet, "Write a PNG with a picture of every environment instead");
  command->callback([sheet] {
    if (sheet->empty())
      print_environments();
    else
      write_contact_sheet(*sheet, all_environments());
  });
}

}  // namespace mbrl::cli
