// CSV: headers, separators, choices of columns and rows, classes, every way to be wrong.
#include <catch2/catch.hpp>

#include "runtime/data/csv.h"
#include "tests/support/data.h"

using namespace descent::data;
using namespace descent::data::test;

namespace {

using Numbers = std::vector<float>;
using Ids = std::vector<std::int32_t>;
using Names = std::vector<std::string>;
constexpr auto absent = CsvOptions::Header::absent;
constexpr auto present = CsvOptions::Header::present;

CsvOptions with_columns(std::string columns) { return {.columns = std::move(columns)}; }
CsvOptions titled(std::string columns) { return {.header = present, .columns = std::move(columns)}; }

Numbers numbers(std::string_view text, const CsvOptions& options = {}) {
  const auto table = parse_csv(text, "x", options);
  INFO(text << "\n" << message(table));
  REQUIRE(table);
  return values<float>(table->values);
}

}  // namespace

TEST_CASE("a header is found by itself, or as told") {
  const auto with = parse_csv("age,height\n1,2\n3,4\n", "x");
  REQUIRE(with);
  CHECK(with->names == Names{"age", "height"});
  CHECK(with->values == array_of<float>(DType::f32, {2, 2}, {1, 2, 3, 4}));
  const auto without = parse_csv("1,2\n3,4\n", "x");
  REQUIRE(without);
  CHECK(without->names.empty());
  CHECK(without->values.shape == Shape{2, 2});
  CHECK(parse_csv("1,2\n3,4\n", "x", {.header = present})->names == Names{"1", "2"});
  CHECK(message(parse_csv("a,b\n1,2\n", "x", {.header = absent})) == "x:1: column 0: expected a number, found 'a'");
}

TEST_CASE("separators, blanks, quotes and line ends of real files are understood") {
  CHECK(numbers("1, 2 ,3\n 4\t,5,6") == Numbers{1, 2, 3, 4, 5, 6});
  CHECK(numbers("1,2\r\n3,4\r\n\r\n") == Numbers{1, 2, 3, 4});
  CHECK(numbers("1\r2\r") == Numbers{1, 2});
  CHECK(numbers("1,2\n\n  \n\n") == Numbers{1, 2});
  CHECK(numbers("\xEF\xBB\xBF"
                "1,2") == Numbers{1, 2});
  CHECK(numbers("\"1\",\"2\"\n3 , \"4\" \n") == Numbers{1, 2, 3, 4});
  CHECK(numbers("1;2\n3;4", {.separator = ';'}) == Numbers{1, 2, 3, 4});
  CHECK(numbers("1\t 2\n3\t4", {.separator = '\t'}) == Numbers{1, 2, 3, 4});
  CHECK(numbers("  1   2\t3 \n4 5 6\n", {.separator = ' '}) == Numbers{1, 2, 3, 4, 5, 6});
  CHECK(numbers("\"1\" 2\n", {.separator = ' '}) == Numbers{1, 2});
  CHECK(numbers("150,4,setosa\n5.1,3.5\n", {.skip = 1}) == Numbers{5.1f, 3.5f});
  CHECK(parse_csv("\"a \"\"b\"\", c\",\"two\nlines\"\n1,2\n", "x")->names == Names{"a \"b\", c", "two\nlines"});
}

TEST_CASE("numbers are rounded once from the decimal") {
  CHECK(numbers("+1,-2.5,1e3,.5,1e-45,1e-60,16777217") == Numbers{1, -2.5, 1000, 0.5, 0x1p-149f, 0, 16777216});
  // Half a unit above 1, and a little: through a double this would tie and fall to 1.
  CHECK(numbers("1.00000005960464477540") == Numbers{0x1.000002p0f});
}

TEST_CASE("columns are chosen by name, number and range") {
  const std::string text = "a,b,3,c d\n0,1,2,3\n";
  CHECK(numbers(text, titled("b")) == Numbers{1});
  CHECK(numbers(text, titled("c d, a")) == Numbers{3, 0});
  CHECK(numbers(text, titled("3")) == Numbers{2});  // a name wins
  CHECK(numbers(text, titled("2")) == Numbers{2});
  CHECK(numbers(text, titled("-1")) == Numbers{3});
  CHECK(numbers(text, titled("1 ..< 3, 0")) == Numbers{1, 2, 0});
  CHECK(numbers(text, titled("0 ..< -1")) == Numbers{0, 1, 2});
  CHECK(numbers(text, {.header = present, .drop_columns = "a, -1"}) == Numbers{1, 2});
  CHECK(parse_csv(text, "x", titled("c d, a"))->names == Names{"c d", "a"});
  // What is not chosen is not read.
  CHECK(numbers("1,x\n2,\n", with_columns("0")) == Numbers{1, 2});
}

TEST_CASE("classes are numbered in ascending order of the whole file") {
  const auto text_labels = parse_csv_labels("x,kind\n1,dog\n2,cat\n3,dog\n", "x", "kind");
  REQUIRE(text_labels);
  CHECK(text_labels->classes == Names{"cat", "dog"});
  CHECK(values<std::int32_t>(text_labels->values) == Ids{1, 0, 1});
  const auto number_labels = parse_csv_labels("10\n9\n-1\n9.0\n", "x", "0");
  REQUIRE(number_labels);
  CHECK(number_labels->classes == Names{"-1", "9", "10"});
  CHECK(values<std::int32_t>(number_labels->values) == Ids{2, 1, 0, 1});
  const auto given = parse_csv_labels("b\na\n", "x", "0", {.header = absent}, {"b", "c", "a"});
  REQUIRE(given);
  CHECK(given->classes == Names{"b", "c", "a"});
  CHECK(values<std::int32_t>(given->values) == Ids{0, 2});
}

TEST_CASE("a file of row numbers splits the data") {
  const Folder folder;
  const std::string test = folder.write("test.csv", "row\n0\n4\n2\n");
  const std::string text = "name,kind\n10,a\n11,b\n12,c\n13,a\n14,b\n";
  CHECK(numbers(text, {.columns = "name", .rows = test}) == Numbers{10, 12, 14});
  CHECK(numbers(text, {.columns = "name", .drop_rows = test}) == Numbers{11, 13});
  const auto kept = parse_csv_labels(text, "x", "kind", {.drop_rows = test});
  REQUIRE(kept);
  CHECK(kept->classes == Names{"a", "b", "c"});
  CHECK(values<std::int32_t>(kept->values) == Ids{1, 0});
  // A row that is not wanted is not read.
  CHECK(numbers("1\nx\n3\n", {.header = absent, .drop_rows = folder.write("one", "1\n")}) == Numbers{1, 3});
  const std::string none = folder.write("none.csv", "row\n");
  CHECK(numbers(text, {.columns = "0", .drop_rows = none}).size() == 5);
  CHECK(parse_csv(text, "x", {.columns = "0", .rows = none})->values.shape == Shape{0, 1});

  const std::string far = folder.write("far", "1\n5\n");
  CHECK(message(parse_csv(text, "x", {.columns = "0", .rows = far})) ==
        far + ": row 5 is listed, but the data has 5 rows, numbered from 0");
  const std::string twice = folder.write("twice", "1\n1\n");
  CHECK(message(parse_csv(text, "x", {.drop_rows = twice})) == twice + ": row 1 is listed twice");
  const std::string odd = folder.write("odd", "row\n1\n-2\n");
  CHECK(message(parse_csv(text, "x", {.drop_rows = odd})) == odd + ":3: expected a row number from 0, found '-2'");
  const std::string missing = folder.path("missing");
  CHECK(message(parse_csv(text, "x", {.rows = missing})) == missing + ": cannot open: no such file or folder");
  CHECK(message(parse_csv(text, "x", {.rows = test, .drop_rows = test})) == "rows and drop_rows exclude each other");
}

TEST_CASE("missing values are an error unless a number stands for them") {
  for (const char* cell : {"", "?", "NA", "nan", "\"\""}) {
    const std::string text = std::string("age,size\n1,2\n3,") + cell + "\n";
    INFO(text);
    const auto found = message(parse_csv(text, "x"));
    CHECK(found.starts_with("x:3: column 1 'size': the value is missing, found '"));
    CHECK(numbers(text, {.missing = -1.0}) == Numbers{1, 2, 3, -1});
  }
  CHECK(message(parse_csv_labels("1,a\n2,\n", "x", "1")) == "x:2: column 1: the label is missing, found ''");
}

TEST_CASE("malformed CSV says what is wrong, and where") {
  struct Row {
    std::string text;
    CsvOptions options;
    std::string message;
  };
  const std::string names = "age,size,age\n1,2,3\n";
  const Row rows[] = {
      {"", {}, "x: expected a table, found no rows"},
      {"a,b\n", {}, "x: expected a table, found no rows"},
      {"\n\n", {}, "x: expected a table, found no rows"},
      {"1,2\n", {.skip = 5}, "x: expected a table, found no rows"},
      {"1,2\n3\n", {}, "x:2: expected 2 cells, found 1"},
      {"1,2\n3,4,\n", {}, "x:2: expected 2 cells, found 3"},
      {"1,2\n\n3,4\n", {}, "x:2: expected a row, found a blank line"},
      {"\n1,2\n", {}, "x:1: expected a row, found a blank line"},
      {"1,2\n3,abc\n", {}, "x:2: column 1: expected a number, found 'abc'"},
      {"age,size\n1,2\n3,0x10\n", {}, "x:3: column 1 'size': expected a number, found '0x10'"},
      {"1,1 000\n", {}, "x:1: column 1: expected a number, found '1 000'"},
      {"1,inf\n", {}, "x:1: column 1: expected a number, found 'inf'"},
      {"1,+-2\n", {}, "x:1: column 1: expected a number, found '+-2'"},
      {"1,1e99\n", {}, "x:1: column 1: '1e99' is too large for f32"},
      {"150,4,setosa\n5.1,3.5,0\n", {}, "x:1: column 2: expected a number, found 'setosa'"},
      {"1,\"a\nb", {}, "x:1: a quote opens here and never closes"},
      {"\"a\nb\",c\n1,2\n3,d\n", {}, "x:4: column 1 'c': expected a number, found 'd'"},
      {"1\n2,\"a\"b\n", {}, "x:2: expected a separator after the closing quote, found 'b'"},
      {"1,a\tb\x01" + std::string(50, 'z') + "\n",
       {},
       "x:1: column 1: expected a number, found 'a?b?" + std::string(36, 'z') + "…'"},
      {"1,2\n", with_columns("2"), "x: no column '2': expected numbers 0 ..< 2"},
      {"1,2\n", with_columns("-3"), "x: no column '-3': expected numbers 0 ..< 2"},
      {"1,2\n", with_columns("0 ..< 9999999999999999"),
       "x: no column '0 ..< 9999999999999999': expected numbers 0 ..< 2"},
      {"1,2\n", with_columns("1 ..< 1"), "x: no column '1 ..< 1': expected numbers 0 ..< 2"},
      {"1,2\n", with_columns("a"), "x: no column 'a': the file has 2 columns and no header"},
      {"1,2\n", with_columns("0,,1"), "x: no column '': the file has 2 columns and no header"},
      {names, with_columns("sise"), "x: no column 'sise': the header has 'age', 'size', 'age'"},
      {names, with_columns("age"), "x: column 'age' stands twice in the header: choose it by number"},
      {"1,2\n", {.drop_columns = "0,1"}, "x: no columns are left"},
      {"1,2\n", {.columns = "0", .drop_columns = "1"}, "x: columns and drop_columns exclude each other"},
      {std::string(1'000'001, ','), {}, "x:1: more than 1000000 cells in a line"},
  };
  for (const Row& row : rows) CHECK(message(parse_csv(row.text, "x", row.options)) == row.message);
  CHECK(message(parse_csv_labels("1,2\n", "x", "0 ..< 2")) == "x: expected one column, found 2");
  CHECK(message(parse_csv_labels("1,b\n", "x", "1", {}, {"a", "c"})) == "x:1: column 1: 'b' is none of the classes");
}

TEST_CASE("CSV files are read plain and packed") {
  const Folder folder;
  CHECK(values<float>(read_csv(folder.write("x.csv.gz", gzip("1,2\n")))->values) == Numbers{1, 2});
  CHECK(read_csv_labels(folder.write("y.csv", "a\nb\n"), "0", {.header = absent})->classes == Names{"a", "b"});
  const std::string missing = folder.path("missing.csv");
  CHECK(message(read_csv(missing)) == missing + ": cannot open: no such file or folder");
}

TEST_CASE("rows are chosen by what stands in them") {
  const std::string text = "name,take,split\na,0,test\nb,5,train\nc,12,train\nd,x,hold and out\n";
  const auto names = [&](const std::string& where) {
    std::string found;
    CsvOptions options;
    options.where = where;
    const auto cells = parse_csv_cells(text, "x", "name", options);
    if (!cells) return message(cells);
    for (const Cell& cell : *cells) found += cell.text;
    return found;
  };
  CHECK(names("") == "abcd");
  CHECK(names("split == train") == "bc");
  CHECK(names("split != train") == "ad");
  CHECK(names("split==train and take<12.0") == "b");
  CHECK(names("take == 05") == "b");
  CHECK(names("split != 'hold and out' and take >= 5") == "bc");
  CHECK(names("split == train and 1 > 5") == "c");
  CHECK(names("split == nowhere") == "");
  CHECK(names("take <= 5") == "x:5: column 1 'take': expected a number to compare, found 'x'");
  CHECK(names("split = train") == "expected a condition like \"split == train\", found 'split = train'");
  CHECK(names("part == train") == "x: no column 'part': the header has 'name', 'take', 'split'");
  CHECK(names("split === train").starts_with("expected a condition"));
}
