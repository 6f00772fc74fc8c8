// Which trainer writes which kind of file.
#include "tokenizer/training/tokenizer_trainer.h"

#include "tokenizer/training/bpe_trainer.h"
#include "tokenizer/training/sentencepiece_trainer.h"

namespace mm {

std::unique_ptr<TokenizerTrainer> make_tokenizer_trainer(const std::string& path,
                                                         const TokenizerTrainer::Options& options) {
  if (path.ends_with(".model")) return std::make_unique<SentencepieceTrainer>(options);
  if (path.ends_with(".json")) return std::make_unique<BpeTrainer>(options);
  return nullptr;
}

}  // namespace mm
