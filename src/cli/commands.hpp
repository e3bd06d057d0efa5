// The sub-commands of the mbrl program: each adds itself to the command line and runs when it was chosen.
#pragma once

#include <CLI/CLI.hpp>

namespace mbrl::cli {

void add_plot(CLI::App& app);
void add_train(CLI::App& app);
void add_plan(CLI::App& app);
void add_eval(CLI::App& app);
void add_dataset(CLI::App& app);
void add_identify(CLI::App& app);
void add_export(CLI::App& app);
void add_compare(CLI::App& app);
void add_envs(CLI::App& app);
void add_verify(CLI::App& app);
void add_render(CLI::App& app);
void add_view(CLI::App& app);

// --camera and --size.
struct VideoOptions;
void add_video_options(CLI::App& command, VideoOptions& options);

}  // namespace mbrl::cli
