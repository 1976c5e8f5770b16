using Berth.Plugins;
using Xunit;

namespace Berth.Tests.Unit.Plugins;

public sealed class PluginStoreTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly string _source;

    public PluginStoreTests() => _source = Directory.CreateDirectory(Path.Combine(_folder.Path, "source", "lib")).Parent!.FullName;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Staged_IsACopyNamedByItsContent_WhichNobodyWrites()
    {
        Write("plugin.json", "{}");
        Write("lib/tool", "#!/bin/sh", UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        File.CreateSymbolicLink(Path.Combine(_source, "link"), "lib/tool");
        var store = NewStore();
        var digest = store.Stage(_source);
        var staged = store.FolderOf(digest);

        Assert.Equal(64, digest.Length);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead, File.GetUnixFileMode(Path.Combine(staged, "plugin.json")));
        Assert.True(File.GetUnixFileMode(Path.Combine(staged, "lib/tool")).HasFlag(UnixFileMode.OtherExecute));
        Assert.Equal("lib/tool", new FileInfo(Path.Combine(staged, "link")).LinkTarget);

        // Another version lies beside it; the first again is the first.
        Write("plugin.json", """{ "version": "2" }""");
        var second = store.Stage(_source);
        Assert.NotEqual(digest, second);
        Assert.Equal("{}", File.ReadAllText(Path.Combine(staged, "plugin.json")));
        Write("plugin.json", "{}");
        Assert.Equal(digest, store.Stage(_source));
        Assert.True(store.Holds(digest) && store.Holds(second));
    }

    [Fact]
    public void Staged_AndThenDamaged_IsCopiedAnewByTheNextProcess()
    {
        Write("plugin.json", "{}");
        var digest = NewStore().Stage(_source);
        var file = Path.Combine(NewStore().FolderOf(digest), "plugin.json");
        File.Delete(file);
        File.WriteAllText(file, "{");

        Assert.False(NewStore().Holds(digest));
        Assert.Equal(digest, NewStore().Stage(_source));
        Assert.Equal("{}", File.ReadAllText(file));
    }

    [Fact]
    public void Sweep_RemovesWhatNobodyNeeds_AndCopiesThatWereCutOff()
    {
        Write("plugin.json", "{}");
        var store = NewStore();
        var kept = store.Stage(_source);
        Write("plugin.json", "{ }");
        var other = store.Stage(_source);
        var unfinished = Directory.CreateDirectory(store.FolderOf(".new-" + other)).FullName;

        store.Sweep(new HashSet<string> { kept });
        Assert.Equal([store.FolderOf(kept)], Directory.GetFileSystemEntries(Path.GetDirectoryName(unfinished)!));
        Assert.False(store.Holds(other));
        // It can come back.
        Assert.Equal(other, store.Stage(_source));
        store.Remove(other);
        store.Remove(other);
        Assert.False(store.Holds(other));
    }

    private PluginStore NewStore() => new(Path.Combine(_folder.Path, "root"));

    private void Write(string name, string content, UnixFileMode mode = UnixFileMode.UserRead | UnixFileMode.UserWrite)
    {
        var path = Path.Combine(_source, name);
        File.WriteAllText(path, content);
        File.SetUnixFileMode(path, mode);
    }
}
