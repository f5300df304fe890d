import HDF5
import TestSupport

/// What is only warned of unless `strict` is given, and given statistics that are not there.
extension Refusal {
  static let strict: [Refusal] =
    [
      strict(
        Warning.layers(300) { try $0.add("running_variance", [1, 2, 3]) }, exitCode: 65,
        "/layer0, /layer1, /layer10 and 297 more layers have no `running_var`, but `running_variance`; if that is it, say so in "
          + #"the configuration: {"datasets": {"running_var": "running_variance"}}"#),
      strict(
        Warning.layers(1) {
          try $0.writeAttribute("eps", 0.5)
          try $0.writeAttribute("axis", 1)
        }, exitCode: 65,
        "/layer0 has an attribute `eps`, which is not read; write it as the attribute `epsilon` of the layer's group, or give "
          + "--epsilon (and 1 more like it)"),
      strict(
        Warning.layers(1) { try $0.add("batch_offsets", [0, 2, 6], type: .int64) },
        options: ["--batch-size", "3"],
        exitCode: 64,
        "/layer0 has `batch_offsets`, which override the batch size 3; to set them aside, give "
          + #"--ignore-batch-offsets, or {"datasets": {"batch_offsets": "none"}} in --config"#),
      strict(
        Warning.layers(1) { try $0.add("batch_offsets", [0, 2, 6], type: .int64) },
        configuration: #"{"batch_size": 3}"#,
        exitCode: 78,
        "/layer0 has `batch_offsets`, which override the batch size 3; to set them aside, give "
          + #"--ignore-batch-offsets, or {"datasets": {"batch_offsets": "none"}} in --config"#),
      strict(
        Warning.layers(1) { try $0.writeAttribute("statistics", "running") },
        options: ["--statistics", "batch"],
        exitCode: 64,
        "/layer0 has running statistics noted (attribute `statistics`), from evaluation mode; normalize as the model did with "
          + "--statistics running"),
      strict(
        Warning.layers(1) { try $0.add("scaling", [1, 2, 3]) },
        configuration: #"{"datasets": {"gamma": "scalling"}, "strict": true}"#, flag: [], exitCode: 78,
        "/layer0 has no `scalling`, which `datasets` names as gamma, but `scaling`; correct the name, or do without it with "
          + #"{"datasets": {"gamma": "none"}}"#),
      // It is the configuration that says where to look.
      strict(
        Warning.layers(2) { _ in },
        configuration: #"{"datasets": {"activations": "{layer}/activations", "mask": "/masks/{layer}"}}"#,
        exitCode: 78,
        "/layer0, /layer1 have nothing at `masks/{layer}`, where the configuration looks for mask; correct it, or do without with "
          + #"{"datasets": {"mask": "none"}}"#),
    ] + givenStatistics

  private static func strict(
    _ input: Input, configuration: String? = nil, options: [String] = [], flag: [String] = ["--strict"],
    exitCode: Int32, _ warning: String
  ) -> Refusal {
    Refusal(
      "StreamError.refusedByStrict", input: input, configuration: configuration, options: options + flag,
      exitCode: exitCode, "in.h5: \(warning); strict makes this an error")
  }

  private static let givenStatistics: [Refusal] = [
    statistics(
      "in.h5: /layer0 has no `running_mean` and no `running_var`, with which to normalize by running statistics; write them, or "
        + #"take mean 0 and variance 1 with {"datasets": {"running_mean": "none", "running_var": "none"}}"#
    ) { _ in },
    statistics(
      "in.h5: /layer0 has no `running_var`, with which to normalize by running statistics; name it in the configuration, as in "
        + #"{"datasets": {"running_var": "running_variance"}}"#
    ) {
      try $0.add("running_mean", [1, 2, 3])
      try $0.add("running_variance", [1, 2, 3])
    },
    statistics(
      "in.h5: /layer0 has no `running_var`, with which to normalize by running statistics; write it, or take mean 0 and "
        + #"variance 1 with {"datasets": {"running_var": "none"}}"#,
      // A name that does not exist may be a slip; only `none` says that nothing is meant.
      configuration:
        #"{"statistics": "running", "datasets": {"running_mean": "none", "running_var": "nothing"}}"#
    ) { _ in },
    statistics(
      "in.h5: /layer0 has no `running_mean` and no `running_var`, with which to normalize by running statistics; write them, or "
        + #"take mean 0 and variance 1 with {"datasets": {"running_mean": "none", "running_var": "none"}}"#,
      configuration: "{}"
    ) { try $0.writeAttribute("statistics", "running") },
  ]

  private static func statistics(
    _ line: String, configuration: String = #"{"statistics": "running"}"#,
    _ build: @escaping @Sendable (Group) throws -> Void
  ) -> Refusal {
    Refusal(
      "StreamError.noRunningStatistics", input: Warning.layers(1, build), configuration: configuration,
      exitCode: 65,
      line)
  }
}
