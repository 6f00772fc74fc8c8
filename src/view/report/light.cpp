#include "view/report/light.h"

#include "core/text.h"

namespace mm {
namespace {

struct LightWords {
  const char* style;
  const char* words;
};

LightWords words_of(Light light) {
  switch (light) {
    case Light::kGood:
      return {"good", "good"};
    case Light::kWatch:
      return {"watch", "worth watching"};
    case Light::kBad:
      return {"bad", "bad"};
    case Light::kNone:
      break;
  }
  return {"none", "not judged"};
}

}  // namespace

const char* light_style(Light light) {
  return words_of(light).style;
}

std::string light_html(Light light) {
  const LightWords words = words_of(light);
  return format("<span class=\"light %s\" role=\"img\" aria-label=\"%s\"></span>", words.style, words.words);
}

}  // namespace mm
