import Foundation
import PackagePlugin

/// Has `tools/note-commit` write which commit the program is built from, whenever that or a source file changed.
@main
struct NoteCommit: BuildToolPlugin {
  func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
    let root = context.package.directoryURL
    let script = root.appending(path: "tools/note-commit")
    let output = context.pluginWorkDirectoryURL.appending(path: "BuiltFrom.swift")
    let environment = ProcessInfo.processInfo.environment.filter { $0.key == "BN_STREAM_COMMIT" }
    return [
      .buildCommand(
        displayName: "Note the commit", executable: URL(filePath: "/bin/sh"),
        arguments: [script.path, output.path], environment: environment,
        inputFiles: [script, root.appending(path: "Package.swift")] + sources(root) + history(root),
        outputFiles: [output])
    ]
  }

  /// What a commit changes, wherever the branch's own file is; none outside of a repository.
  private func history(_ root: URL) -> [URL] {
    var folder = root.appending(path: ".git")
    // In a second work tree, a file that names the folder.
    if let text = try? String(contentsOf: folder, encoding: .utf8), text.hasPrefix("gitdir: ") {
      let path = text.dropFirst(8).trimmingCharacters(in: .whitespacesAndNewlines)
      folder = URL(filePath: path, relativeTo: root)
    }
    return ["HEAD", "logs/HEAD"].map { folder.appending(path: $0) }
      .filter { FileManager.default.fileExists(atPath: $0.path) }
  }

  private func sources(_ root: URL) -> [URL] {
    let files = FileManager.default.enumerator(
      at: root.appending(path: "Sources"), includingPropertiesForKeys: [.isRegularFileKey])
    return (files?.allObjects as? [URL] ?? []).filter {
      (try? $0.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile) == true
    }.sorted { $0.path < $1.path }
  }
}
