package secrettext

// publishedSecrets are the beginnings of the SHA-256 of secrets that stand in the public documentation and tests of
// providers, as they are written there and decoded. Whoever signs with one has shown nothing.
var publishedSecrets = map[string]bool{
	"051c546164a258bb": true, "099829beec92e555": true, "0c47dd30c7da14ce": true, "216d4ba0097df02b": true,
	"2413fb3709b05939": true, "2bb80d537b1da3e3": true, "2c26b46b68ffc68f": true, "2f8894d90ffb7560": true,
	"2fa8a61b4d23748b": true, "312433c28349f63c": true, "346447661db7390f": true, "3bd3584cd873f396": true,
	"4659007c609a31e9": true, "4e11b9cf3c167ba0": true, "52bfd2de0a2e69df": true, "576f610beac0e291": true,
	"5ee5b37399f84a3e": true, "6617aa88a72e6b52": true, "693feac70c2713de": true, "6adbfd178516c8ef": true,
	"6dd2b3699d7951c1": true, "6de74fd34ad49d86": true, "737613d797d5c2ba": true, "7418bfa6cc65d7a8": true,
	"757ce798c4e045af": true, "76c9e81529b8e491": true, "7a200eb89adb0904": true, "7ca967b1a6a1fc62": true,
	"7ffcc713b21e8766": true, "80d0aeaa630ee40e": true, "87cbebfeebc05f7c": true, "8d969eef6ecad3c2": true,
	"8f3a5fd05e00b138": true, "904c3afdffa4742c": true, "96ad2ccd81462a76": true, "98d08337d20552a2": true,
	"9f86d081884c7d65": true, "a4cc8ccf307ae2ff": true, "b44dc1962e4a8c2f": true, "b4cc2ed65dbae06d": true,
	"b88c67a607414294": true, "be18301013c0f4d0": true, "bf7cbe09d71a1bcc": true, "bfdaa8a93666c2d6": true,
	"c309dd43149069ad": true, "ca2ad47faf5f2a35": true, "cc52e9ceb39eabd8": true, "cf80cd8aed482d5d": true,
	"d4e1077ad28d129d": true, "de6d862a9dd4ca43": true, "df3372fe2669da12": true, "df608d686ac4e329": true,
	"e4c4aa49874d373f": true, "e7782fa33a40a827": true, "e888232d73dd94cf": true, "f4d60cc5e429b7bf": true,
	"f74e1720b7614881": true, "f87143b28157e199": true,
}
