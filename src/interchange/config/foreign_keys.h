// Keys of other programs' config.json that our model section has no place for: tables. No torch.
#pragma once

#include <array>
#include <utility>

namespace mm {

/// A key of theirs with the only value that we can do, as JSON.
struct NeutralKey {
  const char* key;
  const char* value;
  const char* why;
};
inline constexpr std::array kNeutral = {
    NeutralKey{"hidden_act", "\"silu\"", "the feed-forward is SwiGLU"},
    NeutralKey{"attention_bias", "false", "there are no biases"},
    NeutralKey{"qkv_bias", "false", "there are no biases"},
    NeutralKey{"mlp_bias", "false", "there are no biases"},
    NeutralKey{"bias", "false", "there are no biases"},
    NeutralKey{"attention_dropout", "0.0", "`dropout` is that of embedding, attention and feed-forward outputs"},
    NeutralKey{"partial_rotary_factor", "1.0", "positions turn every feature of a head"},
    NeutralKey{"use_sliding_window", "false", "attention sees all earlier tokens"},
    NeutralKey{"decoder_sparse_step", "1", "all layers but the first ones have experts, or none has"},
    NeutralKey{"quantization_config", "null", "weights are fp32, fp16 or bf16"},
};

/// Keys that are judged beside other keys, or read.
inline constexpr std::array kJudgedTogether = {"sliding_window", "layer_types", "full_attention_interval",
                                               "multiple_of", "mlp_only_layers"};

/// Keys of rope_scaling and rope_parameters that have their place elsewhere, or mean nothing with the value they have.
inline constexpr std::array kOfRope = {"rope_theta", "partial_rotary_factor", "truncate"};

/// Keys that say nothing of what a model computes.
inline constexpr std::array kMeaningless = {
    "architectures",
    "auto_map",
    "bos_token_id",
    "eos_token_id",
    "pad_token_id",
    "unk_token_id",
    "dtype",
    "torch_dtype",
    "transformers_version",
    "use_cache",
    "flash_attn",
    "max_position_embeddings",
    "max_seq_len",
    "pretraining_tp",
    "output_router_logits",
    "max_window_layers",
    "_name_or_path",
    "attn_implementation",
    "_attn_implementation_autoset",
    "num_nextn_predict_layers",
    "linear_conv_kernel_dim",
    "linear_key_head_dim",
    "linear_num_key_heads",
    "linear_num_value_heads",
    "linear_value_head_dim",
    "router_jitter_noise",
    "id2label",
    "label2id",
    "tokenizer_class",
    "return_dict",
    "output_hidden_states",
    "output_attentions",
    "chunk_size_feed_forward",
    "is_encoder_decoder",
    "problem_type",
};

/// Their names for keys of ours that have the same meaning and are no alias, for no other program has them.
inline constexpr std::array kRenamed = {std::pair("use_qk_norm", "qk_norm"),
                                        std::pair("num_local_experts", "num_experts")};

/// What tensors tell of a model, in terms that our own tensors may not share (huggingface_source.h).
inline constexpr std::array kToldByTensors = {"n_shared_experts", "shared_expert_gate",
                                              "shared_expert_intermediate_size", "qkv_bias"};

}  // namespace mm
