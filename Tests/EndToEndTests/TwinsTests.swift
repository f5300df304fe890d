import Foundation
import HDF5
import TestSupport
import Testing

/// Layers as other programs may store them, and beside each the same numbers stored plainly: the same results, to the last bit. The
/// files are made by `tools/make_twins.py`.
@Suite(.timeLimit(.minutes(30))) struct TwinsTests {
  static let files: [String] = {
    let names = try? FileManager.default.contentsOfDirectory(atPath: Repository.fixture("twins"))
    return (names ?? []).filter { $0.hasSuffix(".h5") }.sorted()
  }()

  @Test func thereAreFiles() { #expect(!Self.files.isEmpty) }

  @Test(arguments: files, [1, 3])
  func giveTheSameResults(file: String, threads: Int) throws {
    let program = try Program("twins/\(file)")
    let input = try File(reading: program.path(file)).root
    try program.write(input.readString(attribute: "configuration") ?? "{}", to: "configuration.json")
    let result = try program.run(
      "--in", file, "--out", "output.h5", "--config", "configuration.json", "--json", "--threads",
      "\(threads)")
    #expect(result.exitCode == 0, "\(result.error)")
    let output = try File(reading: program.path("output.h5")).root
    let summary = try #require(
      try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    let layers = try #require(summary["layers"] as? [[String: Any]])
    let twins = try output.group("odd").links().map(\.name)
    #expect(twins.count > 0)
    #expect(try output.group("plain").links().map(\.name) == twins)
    for name in twins {
      try expectEqual(output.group("odd/\(name)"), output.group("plain/\(name)"))
      let layer = try #require(layers.first { $0["path"] as? String == "/odd/\(name)" })
      let odd = try input.group("odd/\(name)")
      for fact in try odd.attributeNames() {
        #expect(try layer[fact] as? Int == odd.readInteger(attribute: fact), "\(name): \(fact)")
      }
    }
  }

  private func expectEqual(_ odd: Group, _ plain: Group) throws {
    let links = try odd.links()
    #expect(try plain.links() == links)
    for link in links {
      if link.kind == .group {
        try expectEqual(odd.group(link.name), plain.group(link.name))
        continue
      }
      let (left, right) = (try odd.dataset(link.name), try plain.dataset(link.name))
      #expect(left.shape == right.shape && left.type == right.type, "\(left.path)")
      let bits = try (left.readDoubles().map(\.bitPattern), right.readDoubles().map(\.bitPattern))
      #expect(bits.0 == bits.1, "\(left.path)")
    }
  }
}
