import HDF5
import Pipeline
import RunModel
import TestSupport

extension Repository {
  static let digits = url.appending(path: "tools/samples/digits.h5").path

  /// The plan that a fixture's own configuration asks for.
  static func plan(fixture name: String) throws -> RunPlan {
    let path = fixture(name)
    let json = try File(reading: path).root.readString(attribute: "configuration") ?? "{}"
    return try plan(path, RunConfiguration(json: json, source: name))
  }

  static func plan(_ path: String, _ configuration: RunConfiguration = RunConfiguration()) throws -> RunPlan {
    try RunPlan(Job(input: path, output: nil, configuration: configuration, replacesOutput: false))
  }
}
