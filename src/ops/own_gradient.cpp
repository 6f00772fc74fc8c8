// One torch::autograd::Function for all of them: what differs is a function that it keeps.
#include "ops/own_gradient.h"

#include <torch/csrc/autograd/custom_function.h>

#include <utility>

namespace mm {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// What a node of the graph keeps besides tensors.
struct Rule : torch::CustomClassHolder {
  Rule(BackwardFunction function, std::vector<size_t> defined, size_t arguments)
      : backward(std::move(function)), places(std::move(defined)), inputs(arguments) {}

  BackwardFunction backward;
  std::vector<size_t> places;  ///< of the defined inputs, among all of them
  size_t inputs;
};

struct OwnGradient : torch::autograd::Function<OwnGradient> {
  /// `defined`: the inputs that are; the graph knows no others.
  static variable_list forward(AutogradContext* context, at::TensorList /*defined*/,
                               const std::function<ForwardPass()>& forward, const c10::intrusive_ptr<Rule>& rule) {
    ForwardPass pass = forward();
    context->save_for_backward(std::move(pass.saved));
    context->saved_data["rule"] = at::IValue::make_capsule(rule);
    return std::move(pass.outputs);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    constexpr size_t kOtherArguments = 2;  // of forward(), without a gradient
    const auto capsule = context->saved_data["rule"].toCapsule();
    const Rule& rule = static_cast<const Rule&>(*capsule);
    BackwardPass pass = {.gradients = std::move(gradients),
                         .saved = context->get_saved_variables(),
                         .wanted = std::vector<bool>(rule.inputs)};
    for (size_t i = 0; i < rule.places.size(); ++i) pass.wanted[rule.places[i]] = context->needs_input_grad(i);
    const variable_list of_inputs = rule.backward(pass);
    variable_list of_arguments;
    for (const size_t place : rule.places) of_arguments.push_back(of_inputs[place]);
    of_arguments.resize(rule.places.size() + kOtherArguments);
    return of_arguments;
  }
};

}  // namespace

std::vector<at::Tensor> own_gradient(const std::vector<at::Tensor>& inputs, const std::function<ForwardPass()>& forward,
                                     BackwardFunction backward) {
  std::vector<at::Tensor> defined;
  std::vector<size_t> places;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].defined()) continue;
    defined.push_back(inputs[i]);
    places.push_back(i);
  }
  return OwnGradient::apply(at::TensorList(defined), forward,
                            c10::make_intrusive<Rule>(std::move(backward), std::move(places), inputs.size()));
}

}  // namespace mm
