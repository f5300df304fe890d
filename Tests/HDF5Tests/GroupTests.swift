import CHDF5
import FileNames
import Foundation
import TestSupport
import Testing

@testable import HDF5

@Suite(.timeLimit(.minutes(30))) struct GroupTests {
  /// A file with one link of every kind.
  private func makeFile(_ folder: TemporaryFolder) throws -> File {
    let file = try File(creating: folder.path())
    let root = file.root.object.identifier
    let group = try file.root.createGroup("group")
    _ = try group.createDataset("inner", type: .float32, shape: [2], storage: .contiguous)
    _ = try file.root.createDataset("dataset", type: .float32, shape: [2], storage: .contiguous)
    let type = H5Tcopy(chdf5_float_type(4, 0))
    H5Tcommit2(root, "type", type, 0, 0, 0)
    H5Lcreate_soft("/group", root, "soft", 0, 0)
    H5Lcreate_soft("/nowhere", root, "dangling", 0, 0)
    H5Lcreate_external(folder.path("other.h5"), "/", root, "external", 0, 0)
    H5Lcreate_hard(root, "group", root, "again", 0, 0)
    H5Lcreate_hard(root, "/", group.object.identifier, "up", 0, 0)
    return file
  }

  @Test func linksAreSortedAndNotFollowed() throws {
    let folder = try TemporaryFolder()
    let file = try makeFile(folder)
    #expect(
      try file.root.links() == [
        Link(name: "again", kind: .group), Link(name: "dangling", kind: .softLink),
        Link(name: "dataset", kind: .dataset), Link(name: "external", kind: .externalLink),
        Link(name: "group", kind: .group), Link(name: "soft", kind: .softLink),
        Link(name: "type", kind: .namedType),
      ])
    try file.close()
  }

  @Test func onlyHardLinksAreOpened() throws {
    let folder = try TemporaryFolder()
    let root = try makeFile(folder).root
    #expect(try root.group("group").path == "/group")
    #expect(try root.dataset("group/inner").path == "/group/inner")
    #expect(try root.dataset("/group/inner").path == "/group/inner")
    for name in ["soft", "external", "dangling", "missing", "dataset", "", ".", "soft/inner", "a\0b"] {
      #expect(throws: HDF5Error.self, "\(name)") { try root.group(name).links() }
      #expect(throws: HDF5Error.self, "\(name)") { try root.dataset(name == "dataset" ? "type" : name) }
    }
    let error = #expect(throws: HDF5Error.self) { try root.dataset("soft/inner") }
    #expect(
      error?.description
        == "cannot open group /soft: it is a soft link, and only hard links are followed (H5Gopen2)")
    #expect(throws: HDF5Error.self) { try root.group("group").dataset("/dataset") }
  }

  @Test func aCircleIsKnownByItsAddress() throws {
    let folder = try TemporaryFolder()
    let root = try makeFile(folder).root
    #expect(try root.group("group/up").address == root.address)
    #expect(try root.group("group/up/group").address == root.group("again").address)
    #expect(try root.group("group").address != root.address)
  }

  @Test func namesOfAnyBytesAreListed() throws {
    let folder = try TemporaryFolder()
    let root = try File(creating: folder.path()).root
    _ = try root.createGroup("Größe 层")
    let invalid: [CChar] = [0x61, -1, -2, 0x62, 0]
    H5Gclose(H5Gcreate2(root.object.identifier, invalid, 0, 0, 0))
    let links = try root.links()
    #expect(links.map(\.name.shown) == ["Größe 层", #"a\xFF\xFEb"#])
    #expect(links.map(\.name.isFileNameText) == [true, false])
    #expect(try root.group("Größe 层").links().isEmpty)
    #expect(try root.group(links[1].name).links().isEmpty)
  }

  @Test func softLinksAreFollowedToTheirEnd() throws {
    let folder = try TemporaryFolder()
    let root = try makeFile(folder).root
    let group = try root.group("group")
    for (name, path) in [
      ("inside", "inner"), ("chain", "./inside"), ("through", "/soft/inside"), ("top", "/"),
      ("beyond", "inner/more"), ("out", "/external/x"), ("round", "/group/round"),
    ] {
      H5Lcreate_soft(path, group.object.identifier, name, 0, 0)
    }
    let inner = LinkEnd.object(path: "/group/inner", kind: .dataset)
    for name in ["inner", "inside", "chain", "through"] { #expect(try group.end(of: name) == inner) }
    #expect(try group.end(of: "top") == .object(path: "/", kind: .group))
    #expect(try root.end(of: "soft") == .object(path: "/group", kind: .group))
    #expect(try root.end(of: "type") == .object(path: "/type", kind: .namedType))
    #expect(try root.end(of: "dangling") == .nowhere(path: "/nowhere"))
    #expect(try group.end(of: "beyond") == .nowhere(path: "inner/more"))
    #expect(try group.end(of: "round") == .nowhere(path: "/group/round"))
    #expect(try group.end(of: "absent") == .nowhere(path: "/group/absent"))
    let other = LinkEnd.otherFile(file: folder.path("other.h5"), path: "/")
    #expect(try root.end(of: "external") == other)
    #expect(try group.end(of: "out") == other)
    #expect(try root.descendant("soft/top/again")?.path == "/again")
    #expect(try root.descendant("group/inner") == nil && root.descendant("dangling") == nil)
  }

  /// As many as the library itself follows.
  @Test func sixteenSoftLinksAreFollowed() throws {
    let folder = try TemporaryFolder()
    let root = try makeFile(folder).root
    for number in 1...17 {
      H5Lcreate_soft(
        number == 1 ? "/dataset" : "/s\(number - 1)", root.object.identifier, "s\(number)", 0, 0)
    }
    #expect(try root.end(of: "s16") == .object(path: "/dataset", kind: .dataset))
    #expect(try root.end(of: "s17") == .nowhere(path: "/dataset"))
  }

  @Test func namesAreBytes() throws {
    #expect("/a/b/".pathComponents == ["a", "b"] && "/".pathComponents.isEmpty)
    // To Swift, a slash and an accent are one character.
    #expect("/\u{301}a".pathComponents.map { Array($0.utf8) } == [Array("\u{301}a".utf8)])
    #expect("é" == "e\u{301}" && !"é".isSameName(as: "e\u{301}"))
  }

  @Test func namesThatAreNotUTF8() throws {
    let folder = try TemporaryFolder()
    let name = String(fileName: [0x61, 0xE9])
    do {
      let file = try File(creating: folder.path())
      let group = try file.root.createGroup(name)
      _ = try group.createDataset(name, type: .float32, shape: [2], storage: .contiguous)
      try file.close()
    }
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder.path())))
    // The very bytes.
    #expect(bytes.indices.contains { bytes[$0...].starts(with: [0x61, 0xE9]) })
    let root = try File(reading: folder.path()).root
    #expect(try root.links() == [Link(name: name, kind: .group)])
    #expect(try root.group(name).dataset(name).shape == [2])
    #expect(try root.hasLink(name) && !root.hasLink("a\u{E9}") && !root.hasLink("a\\xE9"))
    #expect(
      try root.end(of: "\(name)/\(name)") == .object(path: "/\(name)/\(name)", kind: .dataset))
  }

  /// A name that is UTF-8 is declared as such in its link (version 1, a flag for a set of characters, the set, the length), so that other programs
  /// show it right; a name of other bytes is not.
  @Test func namesAreDeclaredAsWhatTheyAre() throws {
    let folder = try TemporaryFolder()
    let file = try File(creating: folder.path())
    let group = try file.root.createGroup("Größe")
    _ = try group.createDataset("Tiefe ß", type: .float32, shape: [2], storage: .contiguous)
    _ = try file.root.createGroup(String(fileName: [0x61, 0xE9, 0x71]))
    try file.close()
    let bytes = try folder.bytes()
    for name in ["Größe", "Tiefe ß"] {
      let link: [UInt8] = [1, 0x10, 1, UInt8(name.utf8.count)] + Array(name.utf8)
      #expect(bytes.range(of: Data(link)) != nil, "\(name)")
    }
    #expect(bytes.range(of: Data([1, 0, 3, 0x61, 0xE9, 0x71])) != nil)
  }

  /// Links lead to names of bytes, too, and into files of such names.
  @Test func softLinksToNamesThatAreNotUTF8() throws {
    let folder = try TemporaryFolder()
    let root = try File(creating: folder.path()).root
    let name = String(fileName: [0x61, 0xE9])
    let group = try root.createGroup(name)
    _ = try group.createDataset("x", type: .float32, shape: [2], storage: .contiguous)
    let (there, nowhere): ([CChar], [CChar]) = ([0x2F, 0x61, -23, 0], [0x62, -1, 0])
    H5Lcreate_soft(there, root.object.identifier, "there", 0, 0)
    H5Lcreate_soft(nowhere, root.object.identifier, "nowhere", 0, 0)
    H5Lcreate_external(nowhere, there, root.object.identifier, "outside", 0, 0)
    #expect(try root.end(of: "there") == .object(path: "/" + name, kind: .group))
    #expect(try root.end(of: "there/x") == .object(path: "/\(name)/x", kind: .dataset))
    #expect(try root.hasPath("there/x") && root.descendant("there")?.path == "/" + name)
    #expect(try root.end(of: "nowhere") == .nowhere(path: String(fileName: [0x62, 0xFF])))
    #expect(
      try root.end(of: "outside")
        == .otherFile(file: String(fileName: [0x62, 0xFF]), path: "/" + name))
  }

  /// Which name it is, in which group, and what kind of link.
  @Test func whatIsNotOpenedIsNamed() throws {
    let folder = try TemporaryFolder()
    let root = try makeFile(folder).root
    for (name, words) in [
      ("group/gone", "cannot open dataset /group/gone: there is no 'gone' in /group (H5Dopen2)"),
      ("gone", "cannot open dataset /gone: there is no 'gone' in / (H5Dopen2)"),
      ("gone/inner", "cannot open group /gone: there is no 'gone' in / (H5Gopen2)"),
      (
        "external",
        "cannot open dataset /external: it is an external link, and only hard links are followed (H5Dopen2)"
      ),
      (
        "dangling",
        "cannot open dataset /dangling: it is a soft link, and only hard links are followed (H5Dopen2)"
      ),
    ] {
      let error = #expect(throws: HDF5Error.self) { try root.dataset(name) }
      #expect(error?.description == words)
    }
  }

  @Test func aNameIsTakenOnce() throws {
    let folder = try TemporaryFolder()
    let root = try File(creating: folder.path()).root
    _ = try root.createGroup("a")
    #expect(try root.hasLink("a") && !root.hasLink("b"))
    #expect(throws: HDF5Error.self) { try root.createGroup("a") }
    #expect(throws: HDF5Error.self) { try root.createGroup("b/c") }
  }

  @Test func manyLinksAreSorted() throws {
    let folder = try TemporaryFolder()
    let root = try File(creating: folder.path()).root
    for index in (0..<300).reversed() { _ = try root.createGroup("layer\(index)") }
    let names = try root.links().map(\.name)
    #expect(names == (0..<300).map { "layer\($0)" }.sorted())
  }
}
