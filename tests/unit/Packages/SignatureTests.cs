using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Berth.Abstractions;
using Berth.Configuration;
using Berth.Linux;
using Berth.Packages;
using Berth.Plugins;
using Berth.Plugins.Signatures;
using CsCheck;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Berth.Tests.Unit.Packages;

/// <summary>Whose plugins are taken: a folder, a signature, a list of keys.</summary>
public sealed class SignatureTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly FakeTimeProvider _time = new(new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero));

    public void Dispose()
    {
        _folder.Dispose();
        _key.Dispose();
    }

    [Fact]
    public async Task Signed_ByAListedKey_IsTaken()
    {
        var plugin = await SignedAsync();
        Assert.Equal("signed by acme", Check(plugin, PluginSample.Trust(_key)));
        // The switch does not hide who has signed.
        Assert.Equal("signed by acme", Check(plugin, PluginSample.Trust(_key) with { AllowUnsigned = true }));
    }

    [Fact]
    public async Task Signature_IsOfTheContent_AndNotOfTheFoldersNameOrTimes()
    {
        var plugin = await SignedAsync();
        var elsewhere = Path.Combine(_folder.Path, "elsewhere");
        Directory.Move(plugin, elsewhere);
        File.SetLastWriteTimeUtc(Path.Combine(elsewhere, "Acme.dll"), DateTime.UnixEpoch);
        Assert.Equal("signed by acme", Check(elsewhere, PluginSample.Trust(_key)));
    }

    [Theory]
    [InlineData("changed")]
    [InlineData("added")]
    [InlineData("removed")]
    [InlineData("renamed")]
    [InlineData("made a program")]
    [InlineData("empty folder")]
    [InlineData("link")]
    [InlineData("manifest")]
    public async Task Signed_ThenTouched_IsRefused_AlsoWhereUnsignedOnesAreAllowed(string what)
    {
        var plugin = await SignedAsync();
        var file = Path.Combine(plugin, "Acme.dll");
        switch (what)
        {
            case "changed": File.WriteAllText(file, "assemblY"); break;
            case "added": File.WriteAllText(Path.Combine(plugin, "Other.dll"), ""); break;
            case "removed": File.Delete(file); break;
            case "renamed": File.Move(file, Path.Combine(plugin, "acme.dll")); break;
            case "made a program": File.SetUnixFileMode(file, File.GetUnixFileMode(file) | UnixFileMode.UserExecute); break;
            case "empty folder": Directory.CreateDirectory(Path.Combine(plugin, "empty")); break;
            case "link": File.Delete(Path.Combine(plugin, "lib/alias")); File.CreateSymbolicLink(Path.Combine(plugin, "lib/alias"), "other"); break;
            default: File.AppendAllText(Path.Combine(plugin, "plugin.json"), " "); break;
        }

        Refused(plugin, PluginSample.Trust(_key) with { AllowUnsigned = true }, "its signature is of other content");
    }

    [Fact]
    public async Task Signature_OfAnotherFolder_IsRefused()
    {
        var signed = await SignedAsync();
        var other = PluginSample.Write(_folder, "other", "2.0.0");
        File.Copy(Path.Combine(signed, PluginSignature.FileName), Path.Combine(other, PluginSignature.FileName));
        Refused(other, PluginSample.Trust(_key), "its signature is of other content");
    }

    [Fact]
    public async Task Signature_WhoseDigestIsCorrectedByHand_IsRefused()
    {
        var plugin = await SignedAsync();
        File.WriteAllText(Path.Combine(plugin, "Acme.dll"), "evil");
        Edit(plugin, json => json["digest"] = PluginSignature.DigestOf(plugin));
        Refused(plugin, PluginSample.Trust(_key) with { AllowUnsigned = true }, "its signature is not by key 'acme'");
    }

    [Fact]
    public async Task Signature_ByAnotherKey_ThatClaimsToBeAListedOne_IsRefused()
    {
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var plugin = PluginSample.Write(_folder, "plugin");
        await PackageWriter.SignAsync(plugin, other, TestContext.Current.CancellationToken);
        Refused(plugin, PluginSample.Trust(_key), "is not in plugins.signatures.keys");
        Edit(plugin, json => json["key"] = SigningKey.Fingerprint(_key.ExportSubjectPublicKeyInfo()));
        Refused(plugin, PluginSample.Trust(_key), "its signature is not by key 'acme'");
    }

    [Fact]
    public async Task Key_IsGoodToTheEndOfItsLastDay()
    {
        var plugin = await SignedAsync();
        var end = new DateTimeOffset(2030, 1, 31, 23, 59, 59, TimeSpan.Zero);
        _time.SetUtcNow(end);
        Assert.Equal("signed by acme", Check(plugin, PluginSample.Trust(_key, end)));
        _time.Advance(TimeSpan.FromSeconds(1));
        Refused(plugin, PluginSample.Trust(_key, end), "key 'acme', which signed it, was good until 2030-01-31 23:59:59Z");
        Refused(plugin, new(), "is not in plugins.signatures.keys");
    }

    [Fact]
    public async Task Key_OfSomePlugins_SignsNoOthers()
    {
        var plugin = await SignedAsync();
        var trusted = PluginSample.Trust(_key);
        Assert.Equal("signed by acme", Check(plugin, Only("other", "acme")));
        Refused(plugin, Only("acme-2", "other") with { AllowUnsigned = true }, "key 'acme', which signed it, counts for acme-2, other and not for acme");

        SignatureOptions Only(params string[] ids) => trusted with { Keys = trusted.Keys.ToDictionary(static k => k.Key, k => k.Value with { Plugins = ids }) };
    }

    [Fact]
    public void Unsigned_IsRefusedUnlessAllowed()
    {
        var plugin = PluginSample.Write(_folder, "plugin");
        Refused(plugin, PluginSample.Trust(_key), "it is not signed");
        Assert.Equal(SignaturePolicy.Unsigned, Check(plugin, new() { AllowUnsigned = true }));
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("""{ "version": 2, "key": "", "digest": "", "signature": "" }""")]
    [InlineData("""{ "version": 1, "key": null, "digest": "", "signature": "" }""")]
    [InlineData("""{ "version": 1, "key": "", "digest": "", "signature": "", "more": 1 }""")]
    public void Garbage_IsRefused_AlsoWhereUnsignedOnesAreAllowed(string content)
    {
        var plugin = PluginSample.Write(_folder, "plugin");
        File.WriteAllText(Path.Combine(plugin, PluginSignature.FileName), content);
        Refused(plugin, new() { AllowUnsigned = true }, "plugin.sig is no signature");
    }

    [Fact]
    public async Task AnyChangeOfOneByte_OfAnyFile_IsNeverTaken()
    {
        var plugin = await SignedAsync();
        string[] files = ["plugin.json", "plugin.sig", "Acme.dll", "lib/helper"];
        var before = files.ToDictionary(static f => f, f => File.ReadAllBytes(Path.Combine(plugin, f)));
        Gen.Select(Gen.Int[0, files.Length - 1], Gen.Int[0, 4000], Gen.Byte[1, 255]).Sample(
            (file, at, change) =>
            {
                var name = files[file];
                var content = before[name].ToArray();
                content[at % content.Length] ^= change;
                File.WriteAllBytes(Path.Combine(plugin, name), content);
                var taken = TryCheck(plugin, PluginSample.Trust(_key));
                File.WriteAllBytes(Path.Combine(plugin, name), before[name]);
                // White space and the case of hex digits carry no meaning in a signature's file.
                return taken is null || (name == PluginSignature.FileName && Same(content, before[name]));
            },
            threads: 1,
            iter: 400);
    }

    [Fact]
    public void PrivateKey_OfOthersThanItsOwner_OrOfAnotherKind_IsRefused()
    {
        var path = Path.Combine(_folder.Path, "acme.key");
        var publicKey = SigningKey.Create(path);
        using (var key = SigningKey.ReadPrivate(path))
        {
            Assert.Equal(publicKey, key.ExportSubjectPublicKeyInfo());
        }

        Assert.Contains("never overwritten", Assert.Throws<RuntimeException>(() => SigningKey.Create(path)).Message, StringComparison.Ordinal);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.GroupRead);
        Assert.Contains("chmod 600", Assert.Throws<RuntimeException>(() => SigningKey.ReadPrivate(path)).Message, StringComparison.Ordinal);

        using var large = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        using var rsa = RSA.Create(2048);
        foreach (var pem in (string[])[large.ExportPkcs8PrivateKeyPem(), rsa.ExportPkcs8PrivateKeyPem(), _key.ExportSubjectPublicKeyInfoPem(), "nothing"])
        {
            var file = _folder.Write("wrong.key", pem);
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            Assert.Contains("is no private key on the curve P-256", Assert.Throws<RuntimeException>(() => SigningKey.ReadPrivate(file)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task OpenSsl_MakesKeys_AndChecksSignatures()
    {
        var (key, publicKey, plugin) = (Path.Combine(_folder.Path, "o.key"), Path.Combine(_folder.Path, "o.pub"), PluginSample.Write(_folder, "plugin"));
        await OpenSslAsync("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key);
        await OpenSslAsync("pkey", "-in", key, "-pubout", "-out", publicKey);
        using var signer = SigningKey.ReadPrivate(key);
        await PackageWriter.SignAsync(plugin, signer, TestContext.Current.CancellationToken);
        Assert.Equal("signed by acme", Check(plugin, PluginSample.Trust(signer)));

        var signature = PluginSignature.Read(plugin)!;
        File.WriteAllBytes(Path.Combine(_folder.Path, "der"), signature.Signature);
        var statement = _folder.Write("statement", $"berth plugin folder, version 1\n{signature.Digest}");
        Assert.Contains("Verified OK", await OpenSslAsync("dgst", "-sha256", "-verify", publicKey, "-signature", Path.Combine(_folder.Path, "der"), statement), StringComparison.Ordinal);
    }

    private static async Task<string> OpenSslAsync(params string[] arguments)
    {
        Assert.SkipUnless(File.Exists("/usr/bin/openssl"), "openssl is not installed");
        var answer = await CommandRunner.RunAsync(new Command { Path = "/usr/bin/openssl", Arguments = arguments }, null, 1 << 16, TestContext.Current.CancellationToken);
        Assert.True(answer.ExitCode == 0, answer.Error);
        return answer.OutputText;
    }

    private static bool Same(byte[] one, byte[] other)
    {
        static string Text(byte[] json) => JsonNode.Parse(json)!.ToJsonString();
        return string.Equals(Text(one), Text(other), StringComparison.Ordinal);
    }

    private async Task<string> SignedAsync()
    {
        var plugin = PluginSample.Write(_folder, "plugin");
        await PackageWriter.SignAsync(plugin, _key, TestContext.Current.CancellationToken);
        return plugin;
    }

    private static void Edit(string plugin, Action<JsonObject> edit)
    {
        var path = Path.Combine(plugin, PluginSignature.FileName);
        var json = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        edit(json);
        File.WriteAllText(path, json.ToJsonString());
    }

    private string Check(string folder, SignatureOptions options) => new SignaturePolicy(_time).CheckOnce(folder, "acme", options);

    private string? TryCheck(string folder, SignatureOptions options)
    {
        try
        {
            return Check(folder, options);
        }
        catch (PluginRejectedException)
        {
            return null;
        }
    }

    private void Refused(string folder, SignatureOptions options, string reason)
    {
        var e = Assert.Throws<PluginRejectedException>(() => Check(folder, options));
        Assert.Contains(reason, e.Message, StringComparison.Ordinal);
    }
}
