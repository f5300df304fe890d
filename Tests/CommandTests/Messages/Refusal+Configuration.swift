import Foundation

/// What is wrong with the configuration, its syntax apart.
extension Refusal {
  static let configurationFiles: [Refusal] =
    [
      configurationFile("missing", "none.json", "there is no such file; check the path"),
      configurationFile("folder", ".", "it is a folder; name a JSON file in it"),
      configurationFile(
        "tooLarge", "in.h5", "it is larger than 1 MiB, too large to be a configuration; check the path"),
    ] + onLinux

  /// Reading a process's memory at address 0 fails, though the file can be opened.
  private static var onLinux: [Refusal] {
    #if os(Linux)
      [
        configurationFile(
          "readingFailed", "/proc/self/mem", "reading it failed; check the disk, or copy the file elsewhere")
      ]
    #else
      []
    #endif
  }

  private static func configurationFile(_ problem: String, _ path: String, _ words: String) -> Refusal {
    Refusal(
      "ConfigurationError.file", "FileProblem.\(problem)",
      input: .made { try Data(count: 1 << 20 + 1).write(to: $0.folder.appending(path: "in.h5")) },
      options: ["--config", path], exitCode: 78,
      "cannot read the configuration \"\(path)\" (--config): \(words)")
  }

  static let configurationValues: [Refusal] = [
    configuration(
      "unknownKey", #"{"batch_sise": 3}"#, "1:2: batch_sise is not a known key; did you mean batch_size?"),
    configuration(
      "unknownKey", "{\n\"x\": 3}",
      "2:1: x is not a known key; the known keys are $schema, batch_size, statistics, gradient, parameters, epsilon, "
        + "momentum, running_variance, feature_axis, layers, threads, memory, "
        + "partial_batch, single_value_batch, nonfinite, outputs, quantiles, "
        + "output_type, output_storage, sync, uint16_as_bfloat16, grouped_by, datasets, strict"),
    configuration(
      "unknownKey", #"{"datasets": {"x": "y"}}"#,
      "1:15: datasets.x is not a known key; the known keys are activations, grad_output, gamma, beta, running_mean, "
        + "running_var, batch_offsets, mask, labels"),
    configuration(
      "unknownKey", #"{"output_storage": {"gzipp": 1}}"#,
      "1:21: output_storage.gzipp is not a known key; did you mean output_storage.gzip?"),
    configuration(
      "repeatedItem", #"{"outputs": ["running", "batches", "running"]}"#,
      #"1:13: outputs repeats "running"; name it only once"#),
    configuration(
      "needsChunks", #"{"output_storage": {"shuffle": true}}"#,
      #"1:21: output_storage.shuffle needs chunks; add "layout": "chunked" beside it"#),
    configuration(
      "exclusiveKeys", #"{"output_storage": {"layout": "chunked", "gzip": 1, "zstd": 3}}"#,
      "1:53: output_storage.zstd and output_storage.gzip exclude each other; leave one of them out"),
    configuration(
      "exclusiveKeys",
      #"{"output_storage": {"layout": "chunked", "bitshuffle": true, "lz4": true, "shuffle": true}}"#,
      "1:75: output_storage.shuffle and output_storage.bitshuffle exclude each other; leave one of them out"),
    configuration(
      "activationsDoNotNameLayer", #"{"datasets": {"gamma": "p/{layer}/w", "activations": "x"}}"#,
      "1:14: datasets are named with {layer}, but the activations, by which layers are found, are not; name them too, as in "
        + #""activations": "activations/{layer}""#),
    configuration(
      "groupedTwice", #"{"datasets": {"activations": "x/{layer}"}, "grouped_by": "role"}"#,
      "1:58: datasets that are named with {layer} say already how the file is grouped; leave grouped_by out"),
    configuration(
      "datasetInTwoRoles", #"{"datasets": {"beta": "weight"}}"#,
      #"1:14: the dataset "weight" would be read as both gamma and beta; give datasets.gamma and datasets.beta different "#
        + "names"),

    value("object", "[]", "1:1: the document is []; it must be an object in braces"),
    value("object", #"{"datasets": 1}"#, "1:14: datasets is 1; it must be an object in braces"),
    value(
      "object", #"{"output_storage": "gzip"}"#,
      #"1:20: output_storage is "gzip"; it must be an object in braces"#),
    value("text", #"{"$schema": 1}"#, "1:13: $schema is 1; it must be a string"),
    value(
      "batchSize", #"{"batch_size": "many"}"#,
      #"1:16: batch_size is "many"; it must be an integer of at least 1, or "all""#),
    value("epsilon", #"{"epsilon": -1}"#, "1:13: epsilon is -1; it must be a finite number of at least 0"),
    value(
      "momentum", #"{"momentum": 1.5}"#,
      "1:14: momentum is 1.5; it must be a number from 0 to 1, or null for the cumulative average"),
    value(
      "featureAxis", #"{"feature_axis": 0}"#,
      "1:18: feature_axis is 0; it must be an integer of at least 1, or a negative one that counts from the last axis"
    ),
    value(
      "threadCount", #"{"threads": 1025}"#, "1:13: threads is 1025; it must be an integer from 1 to 1024"),
    value(
      "byteCount", #"{"memory": "2Gi"}"#,
      #"1:12: memory is "2Gi"; it must be a number of bytes, or a size such as "2G", "512MiB" or "1.5 GB""#),
    value(
      "layerPatterns", #"{"layers": "a"}"#,
      #"1:12: layers is "a"; it must be an array of patterns of group paths such as ["encoder/*", "**/bn[0-9]"]"#
    ),
    value(
      "layerPattern", #"{"layers": ["a", "[a"]}"#,
      #"1:18: layers[1] is "[a"; it must be a pattern of group paths such as "encoder/*" or "**/bn[0-9]""#),
    value(
      "datasetName", #"{"datasets": {"gamma": "a/b"}}"#,
      #"1:24: datasets.gamma is "a/b"; it must be a dataset's name: not empty, not ".", and without "/"; or a path with {layer} in it, once, as grads/{layer}"#
    ),
    value(
      "count", #"{"output_storage": {"layout": "chunked", "chunk_samples": 0}}"#,
      "1:59: output_storage.chunk_samples is 0; it must be an integer of at least 1"),
    value(
      "gzipLevel", #"{"output_storage": {"layout": "chunked", "gzip": 10}}"#,
      "1:50: output_storage.gzip is 10; it must be an integer from 0 (no compression) to 9"),
    value(
      "zstdLevel", #"{"output_storage": {"layout": "chunked", "zstd": 23}}"#,
      "1:50: output_storage.zstd is 23; it must be an integer from 0 (no compression) to 22"),
    value(
      "percents", #"{"quantiles": [50, 101]}"#,
      "1:15: quantiles is […]; it must be an array of different numbers from 0 to 100 such as [15, 50, 85]"),
    value(
      "boolean", #"{"sync": "yes"}"#, #"1:10: sync is "yes"; it must be true or false"#),
    value(
      "boolean", #"{"uint16_as_bfloat16": 1}"#, "1:24: uint16_as_bfloat16 is 1; it must be true or false"),
    value(
      "boolean", #"{"output_storage": {"fletcher32": 1}}"#,
      "1:35: output_storage.fletcher32 is 1; it must be true or false"),
    value(
      "someOf", #"{"outputs": []}"#,
      #"1:13: outputs is []; it must be an array of at least one of "output", "normalized", "grad_input", "grad_gamma", "#
        + #""grad_beta", "running", "population", "batches", "diagnostics", "moments" and "histograms""#),
    value(
      "oneOf", #"{"outputs": ["dx"]}"#,
      #"1:14: outputs[0] is "dx"; it must be "output", "normalized", "grad_input", "grad_gamma", "grad_beta", "running", "#
        + #""population", "batches", "diagnostics", "moments" or "histograms""#),
    value(
      "oneOf", #"{"statistics": "mean"}"#, #"1:16: statistics is "mean"; it must be "batch" or "running""#),
    value("oneOf", #"{"gradient": 1}"#, #"1:14: gradient is 1; it must be "full" or "detached""#),
    value("oneOf", #"{"parameters": 1}"#, #"1:16: parameters is 1; it must be "file" or "identity""#),
    value(
      "oneOf", #"{"partial_batch": ""}"#, #"1:19: partial_batch is ""; it must be "keep", "drop" or "error""#),
    value(
      "oneOf", #"{"single_value_batch": null}"#,
      #"1:24: single_value_batch is null; it must be "error" or "allow""#),
    value("oneOf", #"{"nonfinite": true}"#, #"1:15: nonfinite is true; it must be "count" or "error""#),
    value(
      "oneOf", #"{"output_type": "half"}"#,
      #"1:17: output_type is "half"; it must be "float16", "bfloat16", "float32" or "float64""#),
    value(
      "oneOf", #"{"output_storage": {"layout": "compact"}}"#,
      #"1:31: output_storage.layout is "compact"; it must be "contiguous" or "chunked""#),
  ]

  private static func configuration(_ error: String, _ json: String, _ line: String) -> Refusal {
    Refusal("ConfigurationError.\(error)", configuration: json, exitCode: 78, "config.json:\(line)")
  }

  private static func value(_ allowed: String, _ json: String, _ line: String) -> Refusal {
    Refusal(
      "ConfigurationError.invalidValue", "AllowedValue.\(allowed)", configuration: json, exitCode: 78,
      "config.json:\(line)")
  }
}
