import Configuration
import HDF5
import Jobs
import LayerFiles
import StrictJSON
import TestSupport

extension Repository {
  static let digits = url.appending(path: "tools/samples/digits.h5").path

  /// The plan that a fixture's own configuration asks for.
  static func plan(fixture name: String) throws -> JobPlan {
    let path = fixture(name)
    let json = try File(reading: path).root.readString(attribute: "configuration") ?? "{}"
    return try plan(path, JobConfiguration(json: json, source: name))
  }

  static func plan(_ path: String, _ configuration: JobConfiguration = JobConfiguration()) throws -> JobPlan {
    try JobPlan(Job(input: path, output: nil, configuration: configuration, replacesOutput: false))
  }

  static func plan(_ path: String, json: String) throws -> JobPlan {
    try plan(path, JobConfiguration(json: json, source: "test"))
  }
}
