// Would another BLAS make a step on the CPU faster? Its sgemm against the one in LibTorch, in turns, on the products of
// a step.
//   OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 sgemm_bench <library with cblas_sgemm>...
// One thread is what an expert's block of rows has, all of them are what a dense product has.
#include <ATen/Parallel.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using Sgemm = void (*)(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float* a,
                       int lda, const float* b, int ldb, float beta, float* c, int ldc);
constexpr int kRowMajor = 101, kAsItIs = 111, kTransposed = 112;

constexpr int kRounds = 15;

struct Product {
  const char* name;
  int rows, in, out;
};

constexpr std::array<Product, 8> kProducts = {{{"192: q, k, v", 4096, 192, 320},
                                               {"192: gate and up of an expert", 256, 192, 384},
                                               {"192: down of an expert", 256, 192, 192},
                                               {"192: head", 4096, 192, 4096},
                                               {"768: q, k, v", 2048, 768, 1536},
                                               {"768: gate and up", 2048, 768, 4864},
                                               {"768: down", 2048, 2432, 768},
                                               {"768: head", 2048, 768, 6400}}};

Sgemm sgemm_of(const char* library) {
  void* handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) throw std::runtime_error(dlerror());
  const auto function = reinterpret_cast<Sgemm>(dlsym(handle, "cblas_sgemm"));
  if (function == nullptr) throw std::runtime_error(std::string(library) + ": has no cblas_sgemm");
  return function;
}

double seconds_of(const std::function<void()>& product, int times) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < times; ++i) product();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

/// GFLOP/s of LibTorch, and how many times as fast the other is: forward, gradient of the input, of the weight.
void print_row(const Product& of, Sgemm other) {
  const auto [name, rows, in, out] = of;
  const at::Tensor x = at::randn({rows, in}), weight = at::randn({out, in}), dy = at::randn({rows, out});
  at::Tensor y = at::zeros({rows, out}), dx = at::zeros({rows, in}), dw = at::zeros({out, in});
  const auto of_x = x.data_ptr<float>(), of_weight = weight.data_ptr<float>(), of_dy = dy.data_ptr<float>();
  const auto of_y = y.data_ptr<float>(), of_dx = dx.data_ptr<float>(), of_dw = dw.data_ptr<float>();
  const std::array<std::pair<std::function<void()>, std::function<void()>>, 3> passes = {{
      {[&] { at::mm_out(y, x, weight.t()); },
       [&] { other(kRowMajor, kAsItIs, kTransposed, rows, out, in, 1, of_x, in, of_weight, in, 0, of_y, out); }},
      {[&] { at::mm_out(dx, dy, weight); },
       [&] { other(kRowMajor, kAsItIs, kAsItIs, rows, in, out, 1, of_dy, out, of_weight, in, 0, of_dx, in); }},
      {[&] { dw.addmm_(dy.t(), x); },
       [&] { other(kRowMajor, kTransposed, kAsItIs, out, in, rows, 1, of_dy, out, of_x, in, 1, of_dw, in); }},
  }};
  const double flops = 2.0 * rows * in * out;
  const int times = std::max(1, static_cast<int>(2e9 / flops));
  std::printf("%-32s", name);
  for (const auto& [libtorch_product, other_product] : passes) {
    std::vector<double> rates, ratios;
    for (int round = 0; round < kRounds; ++round) {
      const double libtorch = seconds_of(libtorch_product, times), others = seconds_of(other_product, times);
      rates.push_back(flops * times / libtorch / 1e9);
      ratios.push_back(libtorch / others);
    }
    std::printf("  %6.0f  x%.2f", median(rates), median(ratios));
  }
  std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2) throw std::runtime_error("usage: sgemm_bench <library with cblas_sgemm>...");
  for (int i = 1; i < argc; ++i) {
    const Sgemm other = sgemm_of(argv[i]);
    std::printf("LibTorch, %d threads, GFLOP/s, and %s as a multiple of it\n", at::get_num_threads(), argv[i]);
    std::printf("%-32s  %-14s %-14s %-14s\n", "", "forward", "of the input", "of the weight");
    for (const Product& product : kProducts) print_row(product, other);
  }
} catch (const std::exception& error) {
  std::fprintf(stderr, "sgemm_bench: %s\n", error.what());
  return 2;
}
