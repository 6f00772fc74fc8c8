// Conversations in the forms of MiniMind's generations. The templates are our own, written as those are.
#include "eval/generation/chat_template.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "core/files/files.h"
#include "tests/unit/core/temp_folder.h"
#include "tests/unit/core/thrown.h"

namespace mm {
namespace {

/// The tokenizer of a generation in a folder of its own, with a template.
class ChatTemplates : public testing::Test {
 protected:
  void use(const std::string& tokenizer, const std::string& source) {
    const std::string golden = MM_GOLDEN_DATA "/tokenizers/" + tokenizer + "/";
    write_file_atomic(path(), read_file(golden + "tokenizer.json", ExitCode::kData));
    std::string config = read_file(golden + "tokenizer_config.json", ExitCode::kData);
    if (!source.empty()) config.insert(config.find('{') + 1, "\"chat_template\": \"" + source + "\",");
    write_file_atomic(folder_ / "tokenizer_config.json", config);
  }
  std::string path() const { return folder_ / "tokenizer.json"; }
  ChatTemplate read() const { return read_chat_template(path(), *load_tokenizer(path())); }

  TempFolder folder_;
};

/// As JSON writes them: a line end in Jinja's source is \\n here.
const std::string kMiniMind1 =
    "{% if messages[0]['role'] == 'system' %}{{ messages[0]['content'] }}{% endif %}{% for m in messages %}"
    "{% if m['role'] == 'user' %}{{ '<s>user\\\\n' + m['content'] + '</s>\\\\n<s>assistant\\\\n' }}"
    "{% else %}{{ m['content'] + '</s>\\\\n' }}{% endif %}{% endfor %}";
const std::string kMiniMind2 =
    "{% if messages[0]['role'] == 'system' %}{{ '<|im_start|>system\\\\n' + messages[0]['content'] + '<|im_end|>\\\\n' "
    "}}"
    "{% else %}{{ '<|im_start|>system\\\\nBe brief.\\\\nBe kind.<|im_end|>\\\\n' }}{% endif %}{% for m in messages %}"
    "{{ '<|im_start|>user\\\\n' + m['content'] + '<|im_end|>\\\\n<|im_start|>assistant\\\\n' }}{% endfor %}";
const std::string kMiniMind3 =
    "{%- if messages[0].role == 'system' %}{{- '<|im_start|>system\\\\n' + messages[0].content + '<|im_end|>\\\\n' }}"
    "{%- endif %}{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\\\n' + content + '<|im_end|>' }}"
    "{%- endfor %}{{- '<|im_start|>assistant\\\\n' }}{%- if open_thinking %}{{- '<think>\\\\n' }}{%- else %}"
    "{{- '<think>\\\\n\\\\n</think>\\\\n\\\\n' }}{%- endif %}";

TEST_F(ChatTemplates, OfMiniMind1OpenWithNothingOrAPlainText) {
  use("g1_g2", kMiniMind1);
  EXPECT_EQ(read().opening(""), "");
  EXPECT_EQ(read().opening("Rhyme."), "Rhyme.");
  EXPECT_EQ(read().question("Who?"), "<s>user\nWho?</s>\n<s>assistant\n");
  EXPECT_EQ(read().turn_end(), "</s>\n");
}

TEST_F(ChatTemplates, OfMiniMind2OpenWithTheirOwnWordsOrTheUsers) {
  use("g3", kMiniMind2);
  EXPECT_EQ(read().opening(""), "<|im_start|>system\nBe brief.\nBe kind.<|im_end|>\n");
  EXPECT_EQ(read().opening("Rhyme."), "<|im_start|>system\nRhyme.<|im_end|>\n");
  EXPECT_EQ(read().question("Who?"), "<|im_start|>user\nWho?<|im_end|>\n<|im_start|>assistant\n");
}

TEST_F(ChatTemplates, OfMiniMind3BeginTheAnswerBehindAnEmptyThought) {
  use("g4", kMiniMind3);
  EXPECT_EQ(read().opening(""), "");
  EXPECT_EQ(read().opening("Rhyme."), "<|im_start|>system\nRhyme.<|im_end|>\n");
  EXPECT_EQ(read().question("Who?"),
            "<|im_start|>user\nWho?<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n");
}

TEST_F(ChatTemplates, InAFileOfTheirOwnComeFirstAndAFolderStandsForItsTokenizer) {
  use("g3", kMiniMind1);
  write_file_atomic(folder_ / "chat_template.jinja", "{{ '<|im_start|>user\\n' }} <|im_end|> <|im_start|>assistant\\n");
  EXPECT_EQ(read_chat_template(folder_.path(), *load_tokenizer(path())).question("Who?"),
            "<|im_start|>user\nWho?<|im_end|>\n<|im_start|>assistant\n");
}

TEST_F(ChatTemplates, NoneAndThoseOfAnotherFormAreRefusedWithWhatToDo) {
  use("g3", "");
  const Thrown none = thrown_by([&] { read(); });
  EXPECT_EQ(none.code, ExitCode::kData);
  EXPECT_EQ(none.message, folder_ / "tokenizer_config.json" +
                              ":chat_template: got nothing, want a chat template (copy tokenizer_config.json from the "
                              "folder that the model's tokenizer is from, or leave out --chat)");
  use("g3", "[INST] {{ messages[0].content }} [/INST]");
  const Thrown other = thrown_by([&] { read(); });
  EXPECT_EQ(other.code, ExitCode::kData);
  EXPECT_NE(other.message.find("got a template of another form"), std::string::npos) << other.message;
}

TEST_F(ChatTemplates, OfTheChatMlFamilyFitHowConversationsAreJoinedAndOthersAreRefusedByName) {
  const auto judge = [&](const char* generation, const std::string& text) {
    use(generation, text);
    return judge_joined_chats(path(), "conversations");
  };
  EXPECT_EQ(judge("g4", ""), "");
  EXPECT_EQ(judge("g4", kMiniMind3), "");
  EXPECT_NE(judge("g3", kMiniMind2).find("puts a system message before conversations that have none, \""),
            std::string::npos);
  const std::vector<std::pair<std::string, std::string>> others = {
      {"{{ '<|start_header_id|>' + role }}", "Llama 3 (<|start_header_id|>)"},
      {"<start_of_turn>user", "Gemma (<start_of_turn>)"},
      {"[INST] {{ messages[0].content }} [/INST]", "Mistral and Llama 2 ([INST])"},
      {kMiniMind1, "MiniMind 1 (<s>user)"},
      {"{{ messages }}", "a template of another form"}};
  for (const auto& [text, name] : others) {
    const Thrown error = thrown_by([&] { judge("g3", text); });
    EXPECT_EQ(error.code, ExitCode::kData);
    EXPECT_NE(error.message.find(name + ", want one of the ChatML family"), std::string::npos) << error.message;
  }
}

}  // namespace
}  // namespace mm
