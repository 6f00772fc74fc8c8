// Writing and verifying manifest.json.
#include "checkpoint/store/checkpoint_manifest.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>

#include "core/files/files.h"
#include "core/hash.h"
#include "core/json/json_text.h"

namespace mm {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;
constexpr size_t kLargestManifest = size_t{1} << 20;
constexpr const char* kSeal = "xxh3";  // of the manifest itself; the last member

/// A part of the file is in memory at a time: a checkpoint of a large model is not to double what a run takes.
Json describe(const std::string& path, ExitCode code) {
  constexpr size_t kPart = size_t{4} << 20;
  const MappedFile file(path, code);
  const std::span<const std::byte> bytes = file.bytes();
  Hasher hash;
  for (size_t begin = 0; begin < bytes.size(); begin += kPart) {
    const std::span<const std::byte> part = bytes.subspan(begin, std::min(kPart, bytes.size() - begin));
    hash.add(part);
    file.release(part.data(), part.size());
  }
  return {{"bytes", bytes.size()}, {"xxh3", hex64(hash.value())}};
}

/// Its text with the hash of itself, so that a manifest that is damaged does not speak for its files.
std::string sealed(Json manifest) {
  manifest[kSeal] = hex64(hash64(manifest.dump(2)));
  return manifest.dump(2) + "\n";
}

[[noreturn]] void refuse_manifest(
    const std::string& where, const std::string& got, const std::string& want,
    const std::string& remedy = "restore the file from a copy, or remove this checkpoint") {
  throw Error(ExitCode::kCheckpoint, got_want(where, got, want, remedy));
}

/// Throws when `manifest`, read from `text`, is not as it was written. Those of earlier versions have no seal.
void verify_seal(const std::string& path, const std::string& text, Json manifest) {
  const bool is_sealed = manifest.contains(kSeal);
  manifest.erase(kSeal);
  if (is_sealed && sealed(manifest) != text) refuse_manifest(path, "another text", "the one that its xxh3 is of");
  if (is_sealed || manifest.value("format", Json()) != kFormat) return;
  for (const auto& [key, value] : manifest.items()) {
    if (key == "format" || key == "step" || key == "files" || key == "healthy") continue;
    refuse_manifest(path, "the key " + quote_json(key), "format, step, files, healthy and xxh3");
  }
}

}  // namespace

void write_manifest(const std::string& folder, int64_t step, const std::vector<std::string>& files, bool healthy) {
  Json manifest = {{"format", kFormat}, {"step", step}, {"files", Json::object()}};
  for (const std::string& name : files) manifest["files"][name] = describe(folder + "/" + name, ExitCode::kStorage);
  if (!healthy) manifest["healthy"] = false;
  write_file_atomic(folder + "/manifest.json", sealed(std::move(manifest)));
}

void verify_manifest(const std::string& folder, std::optional<int64_t> step, const std::vector<std::string>& files) {
  const std::string path = folder + "/manifest.json";
  const std::string text = read_file(path, ExitCode::kCheckpoint, kLargestManifest);
  const Json manifest = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto member = [&](const char* key) { return manifest.is_object() ? manifest.value(key, Json()) : Json(); };

  if (manifest.is_object()) verify_seal(path, text, manifest);
  const Json format = member("format");
  if (!format.is_number_integer()) refuse_manifest(path, "no manifest", "the JSON object written with the checkpoint");
  if (format != kFormat) {
    throw NewerFormat(ExitCode::kCheckpoint,
                      got_want(path + ":format", format.dump(), std::to_string(kFormat),
                               "use the version of the program that wrote it; nothing was changed"));
  }
  if (step && member("step") != *step) {
    refuse_manifest(path + ":step", member("step").dump(), std::to_string(*step));
  }
  const Json listed = member("files");
  for (const std::string& name : files) {
    const Json want = listed.is_object() ? listed.value(name, Json()) : Json();
    if (!want.is_object()) refuse_manifest(path + ":files", "no " + name, "every file of a checkpoint");
    const std::string file = folder + "/" + name;
    const Json got = describe(file, ExitCode::kCheckpoint);
    for (const char* key : {"bytes", "xxh3"}) {
      const Json wanted = want.value(key, Json());
      if (got[key] != wanted)
        refuse_manifest(file, got[key].dump() + " as its " + key, wanted.dump() + " as its manifest says");
    }
  }
}

bool is_listed(const std::string& folder, const std::string& file) {
  const std::string path = folder + "/manifest.json";
  if (path_kind(path, ExitCode::kCheckpoint) != PathKind::kFile) return false;
  const Json manifest =
      Json::parse(read_file(path, ExitCode::kCheckpoint, kLargestManifest), nullptr, /*allow_exceptions=*/false);
  return manifest.is_object() && manifest.contains("files") && manifest["files"].contains(file);
}

bool is_healthy(const std::string& folder) {
  const std::string text = read_file(folder + "/manifest.json", ExitCode::kCheckpoint, kLargestManifest);
  const Json manifest = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  return !manifest.is_object() || manifest.value("healthy", Json(true)) != false;
}

}  // namespace mm
