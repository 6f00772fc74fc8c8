// The pickle first, which numbers the storages; then the storages one by one.
#include "checkpoint/pth/pth_writer.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <tuple>

#include "checkpoint/pth/pickle/pickle_writer.h"
#include "checkpoint/pth/pth_file.h"
#include "checkpoint/pth/zip/zip_writer.h"
#include "core/error.h"
#include "core/files/files.h"

namespace mm {
namespace {

/// Each prefix of a name that ends before a dot, in the order of first sight: the modules that hold the tensors.
std::vector<std::string> module_paths(const NamedTensors& tensors) {
  std::vector<std::string> paths = {""};
  std::set<std::string> seen;
  for (const auto& [name, tensor] : tensors) {
    for (size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
      if (seen.insert(name.substr(0, dot)).second) paths.push_back(name.substr(0, dot));
    }
  }
  return paths;
}

class PthPickler {
 public:
  explicit PthPickler(const PthWriterOptions& options) : options_(options) {}

  std::string pickle(const PthValue& root) {
    write(root);
    return out_.finish();
  }

  /// By the number that the pickle gives them.
  const std::vector<at::Tensor>& storages() const { return storages_; }

  /// The dtype a tensor is written in.
  at::ScalarType dtype_of(const at::Tensor& tensor) const {
    return options_.dtype && tensor.is_floating_point() ? *options_.dtype : tensor.scalar_type();
  }

 private:
  using Identity = std::tuple<const void*, at::ScalarType, std::vector<int64_t>, std::vector<int64_t>>;

  void write(const PthValue& value) {
    std::visit([&](const auto& held) { write(held); }, value.value);
  }
  void write(std::monostate) { out_.none(); }
  void write(bool value) { out_.boolean(value); }
  void write(int64_t value) { out_.integer(value); }
  void write(double value) { out_.real(value); }
  void write(const std::string& value) { out_.string(value); }

  void write(const PthList& list) {
    out_.open_list();
    for (const PthValue& item : list) write(item);
    out_.close_list();
  }

  void write(const PthTuple& tuple) {
    out_.open_tuple();
    for (const PthValue& item : tuple.items) write(item);
    out_.close_tuple();
  }

  void write(const PthDict& dict) {
    out_.open_dict();
    for (const auto& [key, value] : dict) {
      std::visit([&](const auto& held) { write(held); }, key);
      write(value);
    }
    out_.close_dict();
  }

  void write(const PthStateDict& state_dict) {
    if (options_.ordered_dict) {
      out_.open_ordered_dict();
    } else {
      out_.open_dict();
    }
    std::set<std::string_view> names;
    for (const auto& [name, tensor] : state_dict.tensors) {
      require(names.insert(name).second, "write_pth: a tensor name given twice");
      write(name);
      write(tensor);
    }
    out_.close_dict();
    if (options_.ordered_dict) out_.module_metadata(module_paths(state_dict.tensors));
  }

  void write(const at::Tensor& tensor) {
    const std::optional<StorageDtype> dtype = storage_dtype(dtype_of(tensor));
    require(dtype.has_value(), "write_pth: a dtype that we do not write");
    out_.tensor(*dtype, std::to_string(storage_of(tensor)), tensor.sizes());
  }

  size_t storage_of(const at::Tensor& tensor) {
    const size_t number = storages_.size();
    if (options_.share_storages) {
      const Identity identity(tensor.const_data_ptr(), tensor.scalar_type(), tensor.sizes().vec(),
                              tensor.strides().vec());
      const auto [known, is_new] = numbers_.emplace(identity, number);
      if (!is_new) return known->second;
    }
    storages_.push_back(tensor.detach());
    return number;
  }

  const PthWriterOptions& options_;
  PickleWriter out_;
  std::vector<at::Tensor> storages_;
  std::map<Identity, size_t> numbers_;
};

}  // namespace

void write_pth(const std::string& path, const PthValue& root, const PthWriterOptions& options) {
  PthPickler pickler(options);
  const std::string pickle = pickler.pickle(root);
  AtomicFile file(path);
  ZipWriter zip(file, std::filesystem::path(path).stem().string() + "/");
  zip.add("data.pkl", pickle);
  zip.add("byteorder", "little");
  for (size_t i = 0; i < pickler.storages().size(); ++i) {
    const at::Tensor& tensor = pickler.storages()[i];
    const at::Tensor rows = tensor.to(at::kCPU, pickler.dtype_of(tensor)).contiguous();
    zip.add("data/" + std::to_string(i), {static_cast<const std::byte*>(rows.const_data_ptr()), rows.nbytes()});
  }
  for (const auto& [name, text] : options.notes) zip.add(std::string(kNoteFolder) + name, text);
  zip.add("version", "3\n");
  zip.finish();
  file.commit();
}

void write_pth(const std::string& path, const NamedTensors& tensors, const PthWriterOptions& options) {
  write_pth(path, PthValue{PthStateDict{tensors}}, options);
}

}  // namespace mm
