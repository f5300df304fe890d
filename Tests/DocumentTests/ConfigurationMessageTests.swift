import Configuration
import StrictJSON
import Testing

@Suite("Messages about a configuration's meaning", .timeLimit(.minutes(30)))
struct ConfigurationMessageTests {
  @Test(
    "name the unknown key's path and the nearest known key",
    arguments: [
      ("{\n  \"batch_sise\": 1\n}", "bn.json:2:3: batch_sise is not a known key; did you mean batch_size?"),
      (#"{"batchSize": 1}"#, "bn.json:1:2: batchSize is not a known key; did you mean batch_size?"),
      (#"{"eps": 1}"#, "bn.json:1:2: eps is not a known key; did you mean epsilon?"),
      (
        "{\"datasets\": {\n\"gama\": \"w\"}}",
        "bn.json:2:1: datasets.gama is not a known key; did you mean datasets.gamma?"
      ),
      (
        #"{"datasets": {"learning rate": "w"}}"#,
        #"bn.json:1:15: datasets."learning rate" is not a known key; the known keys are "#
          + "activations, grad_output, gamma, beta, running_mean, running_var, batch_offsets, mask, labels"
      ),
      (
        #"{"output_storage": {"level": 4}}"#,
        "bn.json:1:21: output_storage.level is not a known key; the known keys are "
          + "layout, chunk_samples, gzip, zstd, lz4, shuffle, bitshuffle, fletcher32"
      ),
      (
        #"{"": 1}"#,
        #"bn.json:1:2: "" is not a known key; the known keys are $schema, batch_size, statistics, gradient, "#
          + "parameters, epsilon, momentum, running_variance, feature_axis, layers, threads, memory, "
          + "partial_batch, single_value_batch, "
          + "nonfinite, outputs, quantiles, output_type, output_storage, sync, uint16_as_bfloat16, grouped_by, datasets, strict"
      ),
    ])
  func unknownKeys(document: String, expected: String) {
    #expect(refusal(document) == expected)
  }

  @Test(
    "name the value's path and what it must be",
    arguments: [
      ("[]", "bn.json:1:1: the document is []; it must be an object in braces"),
      (#"{"$schema": 1}"#, "bn.json:1:13: $schema is 1; it must be a string"),
      (
        #"{"batch_size": 0}"#,
        #"bn.json:1:16: batch_size is 0; it must be an integer of at least 1, or "all""#
      ),
      (
        #"{"batch_size": "All"}"#,
        #"bn.json:1:16: batch_size is "All"; it must be an integer of at least 1, or "all""#
      ),
      (
        #"{"batch_size": 1.5}"#,
        #"bn.json:1:16: batch_size is 1.5; it must be an integer of at least 1, or "all""#
      ),
      (
        #"{"batch_size": null}"#,
        #"bn.json:1:16: batch_size is null; it must be an integer of at least 1, or "all""#
      ),
      (#"{"statistics": "mean"}"#, #"bn.json:1:16: statistics is "mean"; it must be "batch" or "running""#),
      (#"{"gradient": true}"#, #"bn.json:1:14: gradient is true; it must be "full" or "detached""#),
      (
        #"{"running_variance": "both"}"#,
        #"bn.json:1:22: running_variance is "both"; it must be "unbiased" or "biased""#
      ),
      (#"{"epsilon": -1e-5}"#, "bn.json:1:13: epsilon is -1e-5; it must be a finite number of at least 0"),
      (#"{"epsilon": 1e999}"#, "bn.json:1:13: epsilon is 1e999; it must be a finite number of at least 0"),
      (
        #"{"momentum": 1.01}"#,
        "bn.json:1:14: momentum is 1.01; it must be a number from 0 to 1, or null for the cumulative average"
      ),
      (
        #"{"momentum": "none"}"#,
        #"bn.json:1:14: momentum is "none"; it must be a number from 0 to 1, or null for the cumulative average"#
      ),
      (
        #"{"feature_axis": 0}"#,
        "bn.json:1:18: feature_axis is 0; it must be an integer of at least 1, "
          + "or a negative one that counts from the last axis"
      ),
      (
        #"{"layers": "a"}"#,
        #"bn.json:1:12: layers is "a"; it must be an array of patterns of group paths "#
          + #"such as ["encoder/*", "**/bn[0-9]"]"#
      ),
      (
        "{\"layers\": [\"a\",\n \"[a\"]}",
        #"bn.json:2:2: layers[1] is "[a"; it must be a pattern of group paths such as "encoder/*" or "**/bn[0-9]""#
      ),
      (#"{"threads": 1025}"#, "bn.json:1:13: threads is 1025; it must be an integer from 1 to 1024"),
      (
        #"{"memory": "2Gi"}"#,
        #"bn.json:1:12: memory is "2Gi"; it must be a number of bytes, "#
          + #"or a size such as "2G", "512MiB" or "1.5 GB""#
      ),
      (
        #"{"partial_batch": {"a": 1}}"#,
        #"bn.json:1:19: partial_batch is {…}; it must be "keep", "drop" or "error""#
      ),
      (
        #"{"single_value_batch": {}}"#,
        #"bn.json:1:24: single_value_batch is {}; it must be "error" or "allow""#
      ),
      (#"{"nonfinite": [1]}"#, #"bn.json:1:15: nonfinite is […]; it must be "count" or "error""#),
      (
        #"{"outputs": []}"#,
        #"bn.json:1:13: outputs is []; it must be an array of at least one of "output", "normalized", "#
          + #""grad_input", "grad_gamma", "grad_beta", "running", "population", "batches", "diagnostics", "moments" and "histograms""#
      ),
      (
        #"{"outputs": ["dx"]}"#,
        #"bn.json:1:14: outputs[0] is "dx"; it must be "output", "normalized", "#
          + #""grad_input", "grad_gamma", "grad_beta", "running", "population", "batches", "diagnostics", "moments" or "histograms""#
      ),
      (
        #"{"outputs": ["running", "running"]}"#,
        #"bn.json:1:13: outputs repeats "running"; name it only once"#
      ),
      (
        #"{"output_type": "float"}"#,
        #"bn.json:1:17: output_type is "float"; it must be "float16", "bfloat16", "float32" or "float64""#
      ),
      (#"{"uint16_as_bfloat16": 1}"#, "bn.json:1:24: uint16_as_bfloat16 is 1; it must be true or false"),
      (#"{"datasets": []}"#, "bn.json:1:14: datasets is []; it must be an object in braces"),
      (
        #"{"datasets": {"gamma": "a/b"}}"#,
        #"bn.json:1:24: datasets.gamma is "a/b"; it must be a dataset's name: not empty, not ".", and without "/"; or a path with {layer} in it, once, as grads/{layer}"#
      ),
      (
        #"{"datasets": {"beta": "weight"}}"#,
        #"bn.json:1:14: the dataset "weight" would be read as both gamma and beta; "#
          + "give datasets.gamma and datasets.beta different names"
      ),
    ])
  func invalidValues(document: String, expected: String) {
    #expect(refusal(document) == expected)
  }

  @Test("show a key that is no plain name in quotes, and of a long one the beginning")
  func oddKeys() throws {
    #expect(
      refusal(#"{"batch-size": 1}"#)
        == "bn.json:1:2: batch-size is not a known key; did you mean batch_size?")
    for length in [80, 81] {
      let key = String(repeating: "x", count: length)
      let shown = length > 80 ? "\"\(key.prefix(80))…\"" : key
      let message = try #require(refusal("{\"\(key)\": 1}"))
      #expect(message.hasPrefix("bn.json:1:2: \(shown) is not a known key; the known keys are $schema, "))
    }
  }

  @Test("show what would break a line as an escape, or by its number")
  func charactersThatBreakLines() {
    #expect(
      refusal(#"{"statistics": "a\rb\tc\"d\u2028e\u2029f"}"#)
        == #"bn.json:1:16: statistics is "a\rb\tc\"dU+2028eU+2029f"; it must be "batch" or "running""#)
  }

  /// U+E0001, a language tag, in UTF-16 as JSON has it.
  @Test("show a character's number with all of its digits")
  func charactersBeyondFourDigits() {
    #expect(
      refusal(#"{"statistics": "a\uDB40\uDC01b\u00ad"}"#)
        == #"bn.json:1:16: statistics is "aU+E0001bU+00AD"; it must be "batch" or "running""#)
  }

  @Test("name the first of several keys that need chunks, where it stands")
  func severalKeysThatNeedChunks() {
    let advice = #"needs chunks; add "layout": "chunked" beside it"#
    #expect(
      refusal("{\"output_storage\": {\n \"gzip\": 4,\n\"shuffle\": true}}")
        == "bn.json:2:2: output_storage.gzip \(advice)")
    #expect(
      refusal("{\"output_storage\": {\"layout\": \"contiguous\",\n\"fletcher32\": true, \"lz4\": true}}")
        == "bn.json:2:1: output_storage.fletcher32 \(advice)")
  }

  @Test("show a value whole that just has room", arguments: [79, 80, 81])
  func valueThatJustHasRoom(length: Int) {
    let value = String(repeating: "x", count: length)
    let shown = length > 80 ? String(value.prefix(80)) + "…" : value
    #expect(
      refusal("{\"statistics\": \"\(value)\"}")
        == "bn.json:1:16: statistics is \"\(shown)\"; it must be \"batch\" or \"running\"")
  }

  @Test("show only the beginning of a long value, on one line")
  func longValue() {
    let long = String(repeating: "x", count: 1000)
    #expect(
      refusal("{\"statistics\": \"\(long)\"}")
        == "bn.json:1:16: statistics is \"\(long.prefix(80))…\"; it must be \"batch\" or \"running\"")
    #expect(
      refusal(#"{"statistics": "a\n\u202e"}"#)
        == #"bn.json:1:16: statistics is "a\nU+202E"; it must be "batch" or "running""#)
  }
}
