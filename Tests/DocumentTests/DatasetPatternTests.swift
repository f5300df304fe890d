import Configuration
import Testing

@Suite("DatasetPattern", .timeLimit(.minutes(30)))
struct DatasetPatternTests {
  @Test(
    "a layer's path and its dataset's lead to each other",
    arguments: [
      ("acts/{layer}", "/bn1", "/acts/bn1"), ("/acts/{layer}", "/deep/bn1", "/acts/deep/bn1"),
      ("{layer}/x", "/a/b", "/a/b/x"), ("{layer}", "/a", "/a"), ("p/{layer}_x", "/é", "/p/é_x"),
      ("{layer}\u{301}", "/e", "/e\u{301}"), ("a{layer}a", "/a", "/aaa"),
    ])
  func bothWays(text: String, layer: String, path: String) throws {
    let pattern = try #require(DatasetPattern(text))
    #expect(pattern.namesLayer)
    #expect(Array(pattern.path(ofLayer: layer).utf8) == Array(path.utf8))
    #expect(pattern.layer(ofPath: path).map { Array($0.utf8) } == Array(layer.utf8))
  }

  @Test(
    "no layer has an empty name, or one that begins or ends with a slash",
    arguments: [
      ("acts/{layer}", "/acts"), ("acts/{layer}", "/act/bn1"), ("acts{layer}", "/acts/bn"),
      ("{layer}_x", "/_x"),
      ("{layer}x", "/a/x"), ("{layer}_x", "/bn1_y"), ("p/{layer}/w", "/p/bn1/b"),
      ("aa{layer}aa", "/aaa"), ("mask", "/mask"),
    ])
  func otherPaths(text: String, path: String) throws {
    #expect(try #require(DatasetPattern(text)).layer(ofPath: path) == nil)
  }

  @Test("without a layer's name it is one dataset for all")
  func constant() throws {
    let pattern = try #require(DatasetPattern("/masks/all"))
    #expect(!pattern.namesLayer && pattern.path(ofLayer: "/a") == "/masks/all" && pattern.text == "masks/all")
  }

  @Test(
    "refuses what is no path",
    arguments: ["", "/", "a//{layer}", "./{layer}", "{layer}/", "{layer}/{layer}", "a\0{layer}"])
  func malformed(text: String) {
    #expect(DatasetPattern(text) == nil)
    var names = DatasetNames()
    #expect(throws: ValueError.self) { try names.setName(text, for: .gamma) }
  }

  @Test("patterns leave no role its usual names, and groups of roles are patterns, too")
  func ofConfigurations() throws {
    var configuration = JobConfiguration()
    #expect(configuration.patterns(for: .gamma) == nil)
    configuration.groupedBy = .role
    #expect(configuration.patterns(for: .gamma)?.map(\.text) == ["gamma/{layer}", "weight/{layer}"])
    configuration = try JobConfiguration(
      json: #"{"datasets": {"activations": "/x/{layer}", "mask": "m", "beta": "none"}}"#, source: "a.json")
    #expect(configuration.patterns(for: .activations)?.map(\.text) == ["x/{layer}"])
    #expect(configuration.patterns(for: .mask)?.map(\.text) == ["m"])
    #expect(configuration.patterns(for: .beta) == [] && configuration.patterns(for: .gamma) == [])
    let json = configuration.json
    #expect(try JobConfiguration(json: json, source: "b.json").json == json)
  }

  @Test("a slash at its beginning makes no other pattern")
  func slashesAtTheBeginning() throws {
    let place = SourcePosition(source: "a.json", line: 2, column: 13)
    for (gamma, beta) in [("/p/{layer}", "p/{layer}"), ("p/{layer}", "//p/{layer}")] {
      let names = #""activations": "x/{layer}", "gamma": "\#(gamma)", "beta": "\#(beta)""#
      #expect(
        throws: ConfigurationError.datasetInTwoRoles(
          name: "p/{layer}", first: .gamma, second: .beta, at: place)
      ) { try JobConfiguration(json: "{\n\"datasets\": {\(names)}}", source: "a.json") }
    }
    let texts = try ["x/{layer}", "/x/{layer}"].map { pattern in
      try JobConfiguration(json: #"{"datasets": {"activations": "\#(pattern)"}}"#, source: "a.json").json
    }
    #expect(texts[0] == texts[1] && texts[0].contains(#""datasets":{"activations":"x/{layer}"}"#))
  }

  /// As a file is grouped where nobody says anything: patterns say nothing else.
  @Test("the usual grouping may be said beside patterns, and others may not")
  func groupingBesidePatterns() {
    func message(_ grouping: String) -> String? {
      refusal("{\"datasets\": {\"activations\": \"x/{layer}\"},\n \"grouped_by\": \"\(grouping)\"}")
    }
    #expect(message("layer") == nil)
    for grouping in ["role", "none"] {
      #expect(
        message(grouping)
          == "bn.json:2:16: datasets that are named with {layer} say already how the file is grouped; leave grouped_by out"
      )
    }
  }
}
