// Tasks on the threads of a pool where there is one, else one after the other.
#pragma once

#include <functional>

#include "mbrl/core/thread_pool.hpp"

namespace mbrl {

/// task(0 ... count - 1). Without an allocation, as a reference to the task fits into the pool's function.
template <class Task>
void for_each(ThreadPool* pool, int count, const Task& task) {
  if (pool != nullptr)
    pool->run(count, std::cref(task));
  else
    for (int i = 0; i < count; ++i) task(i);
}

}  // namespace mbrl
