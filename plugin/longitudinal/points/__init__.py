"""The one question: where is this point of the body in every other scan of the patient?"""
