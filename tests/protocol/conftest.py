from hypothesis import settings

settings.register_profile("protocol", deadline=None)
settings.load_profile("protocol")
