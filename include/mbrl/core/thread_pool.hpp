// A fixed set of threads with static chunking: chunk i of n is always the same range, whoever runs it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "mbrl/core/error.hpp"

namespace mbrl {

// Runs `task(i)` for i in [0, count) on `size()` threads, the caller's among them. Work is handed out by
// index, results must depend on the index alone: then any number of threads gives the same numbers. Who waits
// looks for some ten microseconds before going to sleep, as waking a thread takes longer than many a task;
// not where there are more threads than processors, which would look instead of working.
class ThreadPool {
 public:
  // threads = 0 means one per hardware thread. Throws mbrl::Error on fewer, and if the system gives no more
  // threads.
  explicit ThreadPool(int threads = 0) {
    require(threads >= 0, "threads is ", threads, ", expected at least 1, or 0 for all cores");
    int n = threads > 0 ? threads : static_cast<int>(std::thread::hardware_concurrency());
    if (n < 1) n = 1;
    looks_ = static_cast<unsigned>(n) <= std::thread::hardware_concurrency() ? kLooks : 0;
    workers_.reserve(static_cast<std::size_t>(n - 1));
    try {
      for (int i = 1; i < n; ++i) workers_.emplace_back([this] { work(); });
    } catch (const std::system_error& error) {
      const int started = size();
      stop();
      fail("ThreadPool: only ", started, " of ", n, " threads could be started: ", error.what());
    }
  }
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool() { stop(); }

  int size() const { return static_cast<int>(workers_.size()) + 1; }

  // Blocks until all tasks have run. If tasks throw, the exception of the lowest index is rethrown here,
  // after the others have ended: the same one for any number of threads. Called from within a task, it runs
  // on that task's thread; called from several threads at once, one after the other.
  void run(int count, const std::function<void(int)>& task) {
    if (count <= 0) return;
    if (workers_.empty() || count == 1 || inside_) {
      run_serially(count, task);
      return;
    }
    const std::lock_guard one_at_a_time(run_mutex_);
    {
      const std::lock_guard lock(mutex_);
      task_ = &task;
      count_ = count;
      next_ = 0;
      pending_ = count;
      error_ = nullptr;
      error_index_ = count;
      ++generation_;
    }
    wake_.notify_all();
    drain(task);
    look([this] { return pending_.load(std::memory_order_relaxed) == 0; });
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return pending_ == 0; });
    task_ = nullptr;
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  }

  // Splits [0, n) into `chunks` contiguous ranges and runs body(begin, end, chunk) for each.
  template <class Body>
  void parallel_for(std::ptrdiff_t n, int chunks, Body&& body) {
    run(chunks, [&](int chunk) {
      const std::ptrdiff_t begin = n * chunk / chunks;
      const std::ptrdiff_t end = n * (chunk + 1) / chunks;
      if (begin < end) body(begin, end, chunk);
    });
  }

 private:
  // True while this thread runs a task of any pool: a nested run must not wait for threads that wait for it.
  inline static thread_local bool inside_ = false;

  static void run_serially(int count, const std::function<void(int)>& task) {
    std::exception_ptr error;
    for (int i = 0; i < count; ++i) {
      try {
        task(i);
      } catch (...) {
        if (!error) error = std::current_exception();
      }
    }
    if (error) std::rethrow_exception(error);
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    for (auto& worker : workers_) worker.join();
  }

  void drain(const std::function<void(int)>& task) {
    std::unique_lock lock(mutex_);
    while (task_ == &task && next_ < count_) {
      const int i = next_++;
      lock.unlock();
      std::exception_ptr error;
      inside_ = true;
      try {
        task(i);
      } catch (...) {
        error = std::current_exception();
      }
      inside_ = false;
      lock.lock();
      if (error && i < error_index_) {
        error_ = error;
        error_index_ = i;
      }
      if (--pending_ == 0) done_.notify_all();
    }
  }

  void work() {
    std::uint64_t seen = 0;
    for (;;) {
      const std::function<void(int)>* task = nullptr;
      look([&] { return generation_.load(std::memory_order_relaxed) != seen; });
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [&] { return stop_ || (generation_ != seen && task_ != nullptr); });
        if (stop_) return;
        seen = generation_;
        task = task_;
      }
      drain(*task);
    }
  }

  // Until `ready`, or for a while. What is seen is a hint: it is read again under the lock.
  template <class Ready>
  void look(Ready&& ready) const {
    for (int i = 0; i < looks_ && !ready(); ++i) {
#if defined(__x86_64__) || defined(__i386__)
      __builtin_ia32_pause();
#else
      std::atomic_signal_fence(std::memory_order_seq_cst);
#endif
    }
  }

  static constexpr int kLooks = 1000;  // 10 to 40 microseconds

  int looks_ = 0;
  std::vector<std::thread> workers_;
  std::mutex run_mutex_;  // held by the thread whose tasks are running
  std::mutex mutex_;      // guards what follows
  std::condition_variable wake_, done_;
  const std::function<void(int)>* task_ = nullptr;
  int count_ = 0, next_ = 0;
  std::atomic<int> pending_ = 0;
  std::atomic<std::uint64_t> generation_ = 0;
  std::exception_ptr error_;
  int error_index_ = 0;
  bool stop_ = false;
};

}  // namespace mbrl
