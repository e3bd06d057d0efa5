// mbrl envs: what can be learned and planned on, and what each entry of it is.
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "command_line.hpp"
#include "commands.hpp"
#include "contact_sheet.hpp"
#include "entry_names.hpp"
#include "mbrl/core/text.hpp"
#include "mbrl/io/table.hpp"
#include "mbrl/io/terminal.hpp"
#include "registries.hpp"

namespace mbrl::cli {
namespace {

struct EnvsOptions {
  std::string filter, sheet;
  bool markdown = false;
};

std::string range(double low, double high) { return "[" + general(low, 6) + ", " + general(high, 6) + "]"; }

std::string bounds(const EnvSpec& spec) {
  const bool same = (spec.action_low.array() == spec.action_low(0)).all() &&
                    (spec.action_high.array() == spec.action_high(0)).all();
  if (same) return range(spec.action_low(0), spec.action_high(0));
  std::string text;
  for (Index i = 0; i < spec.action_low.size(); ++i)
    text += (i ? " x " : "") + range(spec.action_low(i), spec.action_high(i));
  return text;
}

void print_table(const std::vector<TableColumn>& columns, const std::vector<std::vector<std::string>>& rows,
                 bool markdown) {
  std::cout << table_text(columns, rows, stdout_table_style(markdown), terminal_width(STDOUT_FILENO));
}

void print_list(const EnvRegistry& registry, const std::vector<std::string>& names, bool markdown) {
  std::vector<std::vector<std::string>> rows;
  for (const std::string& name : names) {
    const EnvSpec& spec = registry.spec(name);
    rows.push_back({name, std::to_string(spec.obs_dim), std::to_string(spec.action_dim()), bounds(spec),
                    std::to_string(spec.max_steps), general(spec.dt, 6), spec.reward ? "given" : "learned",
                    spec.source});
  }
  print_table({{"name", 0, true},
               {"obs"},
               {"actions"},
               {"bounds", 0, true},
               {"steps"},
               {"dt"},
               {"reward", 0, true},
               {"source", 0, true}},
              rows, markdown);
}

// How models see an entry of the observation, by the numbers of their features.
std::string seen_as(const ObsEncoding& encoding, int entry) {
  std::string text;
  for (std::size_t i = 0; i < encoding.features.size(); ++i) {
    const ObsFeature& feature = encoding.features[i];
    if (feature.obs_index != entry) continue;
    text += (text.empty() ? "" : ", ") + std::to_string(i) + ": ";
    text += feature.kind == ObsFeature::Kind::kSin   ? "sine"
            : feature.kind == ObsFeature::Kind::kCos ? "cosine"
                                                     : "as it is";
  }
  return text.empty() ? "not at all" : text;
}

void print_details(const EnvRegistry& registry, const std::string& name, bool markdown) {
  const EnvSpec& spec = registry.spec(name);
  AnyEnvironment env = registry.make(name);
  const Names names = entry_names(env, spec);
  std::cout << name << "\n"
            << "  source    " << spec.source << "\n"
            << "  episode   " << spec.max_steps << " steps of " << general(spec.dt, 6) << " s"
            << (spec.termination ? "; planners are told when it ends early" : "") << "\n"
            << "  reward    "
            << (spec.reward ? "given to planners"
                            : "learned by the ensemble: it is no function of the observation")
            << "\n\n";
  std::vector<std::vector<std::string>> obs, actions;
  for (int i = 0; i < spec.obs_dim; ++i)
    obs.push_back({std::to_string(i), names.obs[static_cast<std::size_t>(i)], seen_as(spec.encoding, i)});
  for (int i = 0; i < spec.action_dim(); ++i)
    actions.push_back({std::to_string(i), names.action[static_cast<std::size_t>(i)],
                       general(spec.action_low(i), 6), general(spec.action_high(i), 6)});
  print_table({{"obs"}, {"what it is", 0, true}, {"features of a model", 0, true}}, obs, markdown);
  std::cout << "\n";
  print_table({{"action"}, {"what it is", 0, true}, {"from"}, {"to"}}, actions, markdown);
}

void print_environments(const EnvsOptions& options) {
  const EnvRegistry& registry = registries().environments;
  const std::string wanted = lower(options.filter);
  std::vector<std::string> names, exact;
  for (const std::string& name : registry.names()) {
    if (lower(name).find(wanted) != std::string::npos) names.push_back(name);
    if (lower(name) == wanted) exact.push_back(name);
  }
  if (exact.size() == 1) return print_details(registry, exact.front(), options.markdown);
  if (names.empty()) registry.spec(options.filter);  // throws, with the nearest name
  print_list(registry, names, options.markdown);
}

}  // namespace

void add_envs(CLI::App& app) {
  auto* command =
      add_command(app, "envs", "List the environments, or what each entry of one is",
                  "  mbrl envs                                       all\n"
                  "  mbrl envs cheetah                               those with this in their names\n"
                  "  mbrl envs pets/CartPole                         one, entry by entry\n"
                  "  mbrl envs --contact-sheet environments.png      a picture of each, in one file\n\n"
                  "obs and actions: how many entries; steps: of an episode; dt: seconds a step.");
  auto options = std::make_shared<EnvsOptions>();
  command->add_option("name", options->filter, "Part of a name, or a whole one (in any case)");
  command->add_flag("--markdown", options->markdown, "A Markdown table, as where the output is no terminal");
  command->add_option("--contact-sheet", options->sheet,
                      "Write a PNG with a picture of every environment instead");
  command->callback([options] {
    if (options->sheet.empty())
      print_environments(*options);
    else
      write_contact_sheet(options->sheet, registries().environments);
  });
}

}  // namespace mbrl::cli
