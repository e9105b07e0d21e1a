// The vocabularies of a training by input: made from its data, kept with its weights, known to its test data and to
// `predict`.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "runtime/data/vocabulary.h"

namespace descent {

class Vocabularies {
 public:
  using Make = std::function<data::Expected<data::Vocabulary>()>;
  // The vocabulary of this input; made when there is none. A second one from the same block of data is an error: its
  // numbers would mean something else.
  data::Expected<data::VocabularyRef> of(const std::string& input, const Make& make);
  // From here on what is there is taken as it is.
  void settle();

  data::VocabularyRef find(const std::string& input) const;  // or null
  bool empty() const { return entries_.empty(); }

  // As metadata of a weights file: "vocabulary/INPUT" and its text.
  void write(std::map<std::string, std::string>& metadata) const;
  static bool is_key(const std::string& key);
  data::Expected<bool> read(const std::map<std::string, std::string>& metadata, const std::string& path);

 private:
  struct Entry {
    data::VocabularyRef vocabulary;
    bool is_new = true;
  };
  std::map<std::string, Entry> entries_;
};

}  // namespace descent
