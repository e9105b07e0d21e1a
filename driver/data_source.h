// Data expressions of a train block → arrays: names are looked up, files found, readers called.
#pragma once

#include <string>
#include <vector>

#include "driver/readers.h"
#include "frontend/frontend.h"
#include "ir/type.h"
#include "runtime/data/array.h"

namespace descent {

// Where a relative path is looked for, in this order: the model file's folder, --data, $DESCENT_DATA.
using Folders = std::vector<std::string>;
Folders data_folders(const std::string& model_folder, const std::string& data_folder);

// The file's path; a diagnostic that says where it was looked for. `what`: "data file", "weights file".
Result<std::string> find_file(const std::string& path, const Folders& folders, std::string_view what, const Span& at);

Result<data::Array> read_data(const frontend::DataExpression& expression, const Folders& folders);

// The array as values of an input: shapes agree, every number has an exact place in the input's type, labels lie in
// their range. A table of one column also feeds an input of rank 1.
Result<data::Array> fit_to_input(data::Array array, const std::string& input, const TensorType& type, const Span& at);

}  // namespace descent
