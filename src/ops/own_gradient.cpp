// One torch::autograd::Function for all of them: what differs travels as data.
#include "ops/own_gradient.h"

#include <torch/csrc/autograd/custom_function.h>

#include <utility>

namespace mm {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct OwnGradient : torch::autograd::Function<OwnGradient> {
  /// `defined`: the inputs that are; the graph knows no others. `places`: of each of them among all inputs.
  static variable_list forward(AutogradContext* context, at::TensorList /*defined*/, const std::vector<int64_t>& places,
                               int64_t inputs, const std::function<ForwardPass()>& forward, BackwardFunction backward) {
    ForwardPass pass = forward();
    context->save_for_backward(std::move(pass.saved));
    context->saved_data["numbers"] = std::move(pass.numbers);
    context->saved_data["places"] = places;
    context->saved_data["inputs"] = inputs;
    context->saved_data["backward"] = reinterpret_cast<int64_t>(backward);
    return std::move(pass.outputs);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    constexpr size_t kOtherArguments = 4;  // of forward(), without a gradient
    const std::vector<int64_t> places = context->saved_data["places"].toIntVector();
    BackwardPass pass = {.gradients = std::move(gradients),
                         .saved = context->get_saved_variables(),
                         .numbers = context->saved_data["numbers"].toIntVector(),
                         .wanted = std::vector<bool>(static_cast<size_t>(context->saved_data["inputs"].toInt()))};
    for (size_t i = 0; i < places.size(); ++i) {
      pass.wanted[static_cast<size_t>(places[i])] = context->needs_input_grad(i);
    }
    const auto backward = reinterpret_cast<BackwardFunction>(context->saved_data["backward"].toInt());
    const variable_list of_inputs = backward(pass);
    variable_list of_arguments;
    for (const int64_t place : places) of_arguments.push_back(of_inputs[static_cast<size_t>(place)]);
    of_arguments.resize(places.size() + kOtherArguments);
    return of_arguments;
  }
};

}  // namespace

std::vector<at::Tensor> own_gradient(const std::vector<at::Tensor>& inputs, const std::function<ForwardPass()>& forward,
                                     BackwardFunction backward) {
  std::vector<at::Tensor> defined;
  std::vector<int64_t> places;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].defined()) continue;
    defined.push_back(inputs[i]);
    places.push_back(static_cast<int64_t>(i));
  }
  return OwnGradient::apply(at::TensorList(defined), places, static_cast<int64_t>(inputs.size()), forward, backward);
}

}  // namespace mm
