#include "driver/vocabularies.h"

namespace descent {
namespace {

constexpr const char* prefix = "vocabulary/";

}  // namespace

data::Expected<data::VocabularyRef> Vocabularies::of(const std::string& input, const Make& make) {
  const auto found = entries_.find(input);
  if (found != entries_.end()) {
    if (!found->second.is_new) return found->second.vocabulary;
    return data::Error{{},
                       {},
                       "'" + input +
                           "' would have two vocabularies: append the texts first, or name a file with "
                           "vocabulary = \"…\""};
  }
  data::Expected<data::Vocabulary> made = make();
  if (!made) return made.error();
  const auto vocabulary = std::make_shared<const data::Vocabulary>(std::move(*made));
  entries_[input] = {vocabulary, true};
  return vocabulary;
}

void Vocabularies::settle() {
  for (auto& [input, entry] : entries_) entry.is_new = false;
}

data::VocabularyRef Vocabularies::find(const std::string& input) const {
  const auto found = entries_.find(input);
  return found == entries_.end() ? nullptr : found->second.vocabulary;
}

void Vocabularies::write(std::map<std::string, std::string>& metadata) const {
  for (const auto& [input, entry] : entries_) metadata[prefix + input] = entry.vocabulary->text();
}

bool Vocabularies::is_key(const std::string& key) { return key.starts_with(prefix); }

data::Expected<bool> Vocabularies::read(const std::map<std::string, std::string>& metadata, const std::string& path) {
  for (const auto& [key, text] : metadata) {
    if (!is_key(key)) continue;
    data::Expected<data::Vocabulary> parsed = data::Vocabulary::parse(text, path, {});
    if (!parsed) return parsed.error();
    const auto vocabulary = std::make_shared<const data::Vocabulary>(std::move(*parsed));
    entries_[key.substr(std::string_view(prefix).size())] = {vocabulary, false};
  }
  return true;
}

}  // namespace descent
