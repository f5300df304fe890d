import Configuration
import StrictJSON

// All words about a bad configuration are in this file: one line that says where, what is wrong, and what to
// do.

extension ConfigurationError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .file(let path, let problem):
      "cannot read the configuration \(quoted(path)) (--config): \(problem.words)"
    case .syntax(let problem, let position):
      "\(position): \(problem.words)"
    case .unknownKey(let path, let nearest?, _, let position):
      "\(position): \(path) is not a known key; did you mean \(nearest)?"
    case .unknownKey(let path, nil, let known, let position):
      "\(position): \(path) is not a known key; the known keys are \(known.joined(separator: ", "))"
    case .invalidValue(let path, let found, let allowed, let position):
      "\(position): \(path.isEmpty ? "the document" : path) is \(found); it must be \(allowed.words)"
    case .repeatedItem(let path, let item, let position):
      "\(position): \(path) repeats \(quoted(item)); name it only once"
    case .needsChunks(let path, let position):
      "\(position): \(path) needs chunks; add \"layout\": \"chunked\" beside it"
    case .exclusiveKeys(let path, let other, let position):
      "\(position): \(path) and \(other) exclude each other; leave one of them out"
    case .activationsDoNotNameLayer(let position):
      "\(position): datasets are named with {layer}, but the activations, by which layers are found, are not; name them too, as in "
        + "\"activations\": \"activations/{layer}\""
    case .groupedTwice(let position):
      "\(position): datasets that are named with {layer} say already how the file is grouped; leave grouped_by out"
    case .datasetInTwoRoles(let name, let first, let second, let position):
      "\(position): the dataset \(quoted(name)) would be read as both "
        + "\(first.rawValue) and \(second.rawValue); "
        + "give datasets.\(first.rawValue) and datasets.\(second.rawValue) different names"
    }
  }
}

extension ValueError: CustomStringConvertible {
  public var description: String {
    "\(quoted(found)) is not accepted; it must be \(allowed.optionWords)"
  }
}

extension ConfigurationError.FileProblem {
  fileprivate var words: String {
    switch self {
    case .missing: "there is no such file; check the path"
    case .folder: "it is a folder; name a JSON file in it"
    case .noPermission: "permission denied; make the file readable"
    case .readingFailed: "reading it failed; check the disk, or copy the file elsewhere"
    case .tooLarge(let limit):
      "it is larger than \(ByteCount(clamping: limit)), too large to be a configuration; check the path"
    }
  }
}

extension AllowedValue {
  /// What the value must be, completing "it must be …".
  public var words: String {
    switch self {
    case .batchSize: #"an integer of at least 1, or "all""#
    case .epsilon: "a finite number of at least 0"
    case .momentum: "a number from 0 to 1, or null for the cumulative average"
    case .featureAxis: "an integer of at least 1, or a negative one that counts from the last axis"
    case .threadCount: "an integer from 1 to \(ThreadCount.maximum)"
    case .byteCount: #"a number of bytes, or a size such as "2G", "512MiB" or "1.5 GB""#
    case .layerPattern: #"a pattern of group paths such as "encoder/*" or "**/bn[0-9]""#
    case .datasetName:
      #"a dataset's name: not empty, not ".", and without "/"; or a path with {layer} in it, once, as grads/{layer}"#
    case .fileName: "a file's name in quotes, not empty"
    case .fileNames: #"an array of at least one file's name, as ["acts-0.h5", "acts-1.h5"]"#
    case .count: "an integer of at least 1"
    case .gzipLevel: "an integer from 0 (no compression) to 9"
    case .zstdLevel: "an integer from 0 (no compression) to 22"
    case .oneOf(let names): alternatives(names)
    case .someOf(let names): "an array of at least one of \(list(names.map(quoted), last: "and"))"
    case .layerPatterns: #"an array of patterns of group paths such as ["encoder/*", "**/bn[0-9]"]"#
    case .percents: "an array of different numbers from 0 to 100 such as [15, 50, 85]"
    case .shard: "I/N with I from 0 to N - 1, such as 0/4, or auto"
    case .boolean: "true or false"
    case .text: "a string"
    case .object: "an object in braces"
    }
  }

  /// What the value must be on the command line, where there are no quotes and `none` stands for null.
  public var optionWords: String {
    switch self {
    case .batchSize: "an integer of at least 1, or all"
    case .momentum: "a number from 0 to 1, or none for the cumulative average"
    case .byteCount: "a number of bytes, or a size such as 2G, 512MiB or 1.5GB"
    case .oneOf(let names): list(names, last: "or")
    case .percents: "different numbers from 0 to 100 between commas, such as 15,50,85"
    default: words
    }
  }

  private func alternatives(_ names: [String]) -> String {
    list(names.map(quoted), last: "or")
  }

  private func list(_ names: [String], last conjunction: String) -> String {
    guard names.count > 1, let last = names.last else { return names.joined() }
    return names.dropLast().joined(separator: ", ") + " \(conjunction) " + last
  }
}

extension JSONSyntaxProblem {
  fileprivate var words: String {
    switch self {
    case .empty: "the document is empty; write at least {}"
    case .byteOrderMark: "the document starts with a byte order mark; save it as UTF-8 without one"
    case .invalidUTF8: "this byte is not UTF-8; save the document as UTF-8"
    case .unexpectedEnd(let expected): "the document ends where \(expected.words) is missing; add it"
    case .unexpectedCharacter(let scalar, .end):
      "\(shown(scalar)) follows the end of the document; remove it"
    case .unexpectedCharacter(let scalar, let expected):
      "found \(shown(scalar)) where \(expected.words) was expected"
    case .comment: "JSON has no comments; remove it"
    case .trailingComma: "nothing follows this comma; remove it"
    case .unknownWord(let word):
      "\(oneLine(word)) is no word of JSON; write true, false, null or a string in double quotes"
    case .notFinite(let word): "\(word) is no number of JSON; write a finite number"
    case .invalidNumber(let text):
      "\(oneLine(text)) is no number of JSON; write it like 12, -0.5 or 1e-5"
    case .invalidEscape(let text):
      #"\#(oneLine(text)) is no escape of JSON; write \\ for a backslash or \u and four hexadecimal digits"#
    case .loneSurrogate(let text):
      #"\#(text) is half of a UTF-16 pair; write both halves, or the character itself"#
    case .controlCharacter("\n"), .controlCharacter("\r"):
      #"the line ends inside a string; add the closing quote, or write \n for a line break"#
    case .controlCharacter(let scalar):
      "a string contains the control character \(codePoint(scalar)); write it as an escape"
    case .unterminatedString: "this string has no closing quote; add it"
    case .duplicateKey(let key, let firstLine):
      "the key \(quoted(key)) occurs twice, first on line \(firstLine); remove one of them"
    case .tooDeep(let limit): "arrays and objects are nested more than \(limit) deep; a configuration needs 2"
    }
  }

  private func shown(_ scalar: Unicode.Scalar) -> String {
    scalar == "\"" ? "a double quote" : quoted(String(Character(scalar)))
  }
}

extension JSONSyntaxProblem.Expectation {
  fileprivate var words: String {
    switch self {
    case .value: "a value"
    case .key: "a key in double quotes"
    case .colon: "a colon"
    case .commaOrBrace: "a comma or }"
    case .commaOrBracket: "a comma or ]"
    case .end: "the end of the document"
    }
  }
}
