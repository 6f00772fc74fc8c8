// bash calls a function with the word to complete and the one before it, and offers what it leaves in COMPREPLY; with
// nothing there and `compopt -o default`, files. An equals sign is a word of its own.
#include "app/program/completion.h"

#include <algorithm>
#include <cctype>

#include "core/text.h"

namespace mm {
namespace {

constexpr const char* kScript = R"(# bash completion for %s, written by `%s --completion`.
%s() {
  local word=$2 before=$3
  COMPREPLY=()
  if [[ $before == = ]]; then before=${COMP_WORDS[COMP_CWORD - 2]}; fi
  if [[ $word == = ]]; then before=${COMP_WORDS[COMP_CWORD - 1]} word=; fi
  case $before in
%s    *)
      if [[ $word == -* ]]; then
        %s
      else
        %s
      fi ;;
  esac
}
complete -F %s %s
)";

std::string offer(const std::vector<std::string>& words) {
  const bool begun = std::ranges::any_of(words, [](const std::string& word) { return word.ends_with('='); });
  return "mapfile -t COMPREPLY < <(compgen -W '" + join(words, " ") + "' -- \"$word\")" +
         (begun ? "; compopt -o nospace" : "");
}

/// What is offered as the value of `option`.
std::string offer_value(const CompletedOption& option) {
  if (!option.words.empty()) return offer(option.words);
  return option.takes_files ? "compopt -o default" : ":";
}

}  // namespace

std::string bash_completion(const std::string& name, const std::vector<CompletedOption>& options) {
  std::string function = "_" + name;
  std::ranges::replace_if(
      function, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  std::vector<std::string> names;
  std::string cases, by_place = "compopt -o default";
  for (const CompletedOption& option : options) {
    names.insert(names.end(), option.names.begin(), option.names.end());
    if (option.names.empty()) {
      // The first word is one of a few: what to do.
      if (!option.words.empty()) by_place = "if ((COMP_CWORD == 1)); then " + offer(option.words) + "; fi";
    } else if (option.takes_value) {
      cases += "    " + join(option.names, " | ") + ") " + offer_value(option) + " ;;\n";
    }
  }
  return format(kScript, name.c_str(), name.c_str(), function.c_str(), cases.c_str(), offer(names).c_str(),
                by_place.c_str(), function.c_str(), name.c_str());
}

}  // namespace mm
