using System.Text;
using Berth.Abstractions;
using Berth.Images.Manifests;
using Berth.Images.Registries;
using CsCheck;
using Xunit;

namespace Berth.Tests.Unit.Images;

public sealed class RegistryFilesTests : IDisposable
{
    private const string Config = "\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"sha256:0000000000000000000000000000000000000000000000000000000000000000\",\"size\":1}";
    private const string Blob = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
    private const string LayerType = "application/vnd.oci.image.layer.v1.tar+gzip";

    private readonly string _folder = Directory.CreateTempSubdirectory("berth-registries-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Endpoints_ContainerdsFormat_IsReadInOrder()
    {
        Write("r.io", """
            server = "https://upstream.example"
            [host."https://zeta.example/team"]
              capabilities = ["pull"]
              ca = "ca.pem"
              client = [["cert.pem", "key.pem"]]
              skip_verify = true
            [host."alpha.example:8443"]
            [host."http://plain.example/custom"]
              override_path = true
              [host."http://plain.example/custom".header]
                x-token = ["a", "b"]
            """);

        var endpoints = HostsFile.Endpoints(_folder, "r.io");

        Assert.Equal(
            ["https://zeta.example/team/v2", "https://alpha.example:8443/v2", "http://plain.example/custom", "https://upstream.example/v2"],
            endpoints.Select(static e => e.Api.ToString()));
        Assert.Equal([false, false, false, true], endpoints.Select(static e => e.IsServer));
        Assert.False(endpoints[0].CanResolve);
        Assert.True(endpoints[0].CanPull && endpoints[0].SkipVerify);
        Assert.Equal([Path.Combine(_folder, "r.io", "ca.pem")], endpoints[0].CaFiles);
        Assert.Equal([(Path.Combine(_folder, "r.io", "cert.pem"), Path.Combine(_folder, "r.io", "key.pem"))], endpoints[0].ClientFiles);
        Assert.Equal(2, endpoints[2].Headers.Count);
    }

    [Fact]
    public void Endpoints_NoFile_IsTheRegistryOrTheDefault()
    {
        Assert.Equal("https://registry-1.docker.io/v2", Assert.Single(HostsFile.Endpoints(_folder, "docker.io")).Api.ToString());
        Assert.True(HostsFile.Endpoints(_folder, "localhost:5000")[0].MayFallBackToHttp);
        Assert.False(HostsFile.Endpoints(_folder, "r.io")[0].MayFallBackToHttp);

        Write("_default", """[host."https://mirror.example"]""");
        Assert.Equal(["mirror.example", "r.io"], HostsFile.Endpoints(_folder, "r.io").Select(static e => e.Host));
    }

    [Theory]
    [InlineData("sever = \"x\"", "sever")]
    [InlineData("server = 5", "server")]
    [InlineData("server = \"ftp://x\"", "ftp://x")]
    [InlineData("[host.\"https://x\"]\nskip_verify = \"yes\"", "skip_verify")]
    [InlineData("server = ", "hosts.toml")]
    public void Endpoints_BrokenFile_NamesItAndTheFault(string text, string part)
    {
        Write("r.io", text);
        var error = Assert.Throws<RuntimeException>(() => HostsFile.Endpoints(_folder, "r.io"));
        Assert.Equal(RuntimeErrorCode.FailedPrecondition, error.Code);
        Assert.Contains(part, error.Message, StringComparison.Ordinal);
        Assert.Contains(_folder, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void DockerConfig_AllKeysOfAHost_AreFound()
    {
        var path = Path.Combine(_folder, "config.json");
        File.WriteAllText(path, """{"auths":{"https://index.docker.io/v1/":{"auth":"dTpw"},"r.io":{"username":"u","password":"p"}},"credsStore":"x"}""");

        Assert.Equal("dTpw", DockerConfigFile.Find(path, "docker.io")!.Basic());
        Assert.Equal("u", DockerConfigFile.Find(path, "r.io")!.Username);
        Assert.Null(DockerConfigFile.Find(path, "other.io"));
        Assert.Null(DockerConfigFile.Find("", "r.io"));
    }

    [Fact]
    public void Credentials_AsText_ShowNothing() =>
        Assert.Equal("RegistryCredentials", new RegistryCredentials { Password = "canary", IdentityToken = "canary" }.ToString());

    [Fact]
    public void Challenge_QuotedAndPlain_AreRead()
    {
        var challenge = AuthChallenge.Parse("Bearer", """realm="https://a/t?x=1,2",service=plain , scope="repository:a:pull,push",error="a \"b\"" """);
        Assert.Equal("https://a/t?x=1,2", challenge.Parameter("realm"));
        Assert.Equal("plain", challenge.Parameter("SERVICE"));
        Assert.Equal("repository:a:pull,push", challenge.Parameter("scope"));
        Assert.Equal("a \"b\"", challenge.Parameter("error"));
    }

    [Fact]
    public void Challenge_AnyText_NeverThrows() => Gen.String[Gen.Char["ab=\",\\ "], 0, 30].Sample(static text => AuthChallenge.Parse("Bearer", text));

    [Theory]
    [InlineData("{", "malformed")]
    [InlineData("""{"schemaVersion":1,"fsLayers":[]}""", "schema 1")]
    [InlineData("""{"schemaVersion":2,""" + Config + ""","layers":[],"manifests":[]}""", "as an image or as an index")]
    [InlineData("""{"schemaVersion":2}""", "as an image or as an index")]
    [InlineData("""{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json",""" + Config + ""","layers":[]}""", "but was given as")]
    [InlineData("""{"schemaVersion":2,"schemaVersion":2,""" + Config + ""","layers":[]}""", "malformed")]
    [InlineData("""{"schemaVersion":2,""" + Config + ""","layers":[{"mediaType":"x","digest":"sha256:../../x","size":1}]}""", "no digest")]
    [InlineData("""{"schemaVersion":2,""" + Config + ""","layers":[{"mediaType":"x","digest":"md5:d41d8cd98f00b204e9800998ecf8427e","size":1}]}""", "no digest")]
    [InlineData("""{"schemaVersion":2,""" + Config + ""","layers":[{"mediaType":"application/x","digest":""" + "\"" + Blob + "\"" + ""","size":1}]}""", "unknown type")]
    [InlineData("""{"schemaVersion":2,""" + Config + ""","layers":[{"mediaType":""" + "\"" + LayerType + "\"" + ""","digest":""" + "\"" + Blob + "\"" + ""","size":-1}]}""", "negative")]
    [InlineData("""{"schemaVersion":2,""" + Config + ""","layers":[{"mediaType":""" + "\"" + LayerType + "\"" + ""","digest":""" + "\"" + Blob + "\"" + ""","size":1,"urls":["http://169.254.169.254/"]}]}""", "another server")]
    public void Manifest_BadDocument_IsInvalidArgument(string json, string part)
    {
        var error = Assert.Throws<RuntimeException>(() => ManifestParser.Parse(Encoding.UTF8.GetBytes(json), MediaTypes.OciManifest, "image"));
        Assert.Equal(RuntimeErrorCode.InvalidArgument, error.Code);
        Assert.Contains(part, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Manifest_NoPlatformFits_NamesThoseThatThereAre()
    {
        var index = (ManifestIndex)ManifestParser.Parse(
            Encoding.UTF8.GetBytes($$$"""{"schemaVersion":2,"manifests":[{"mediaType":"x","digest":"{{{Blob}}}","size":1,"platform":{"os":"windows","architecture":"amd64"}},{"digest":"{{{Blob}}}","size":1,"platform":{"os":"linux","architecture":"pdp11","variant":"70"}}]}"""),
            MediaTypes.DockerList, "image");
        var error = Assert.Throws<RuntimeException>(() => PlatformChoice.Choose(index, "image"));
        Assert.Equal(RuntimeErrorCode.NotFound, error.Code);
        Assert.Contains("windows/amd64, linux/pdp11/70", error.Message, StringComparison.Ordinal);
    }

    private void Write(string host, string text)
    {
        Directory.CreateDirectory(Path.Combine(_folder, host));
        File.WriteAllText(Path.Combine(_folder, host, "hosts.toml"), text);
    }
}
